import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { coreRegionSchema } from './coreRegion.js';
import type { Dataset } from './dataset.js';
import { invalidImage } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import { loadSharp } from './loadSharp.js';

/** Sample images of each group, and the height in pixels that they are shown at. */
const SAMPLES_PER_GROUP = 4;
const SAMPLE_HEIGHT = 128;

const names = z.array(z.string()).readonly();
const counts = z.array(z.number().int().nonnegative()).readonly();

/** An image in a run’s data.json, as a picture. */
const sampleImageSchema = z.strictObject({
  /** `data:image/png;base64,...`: a page shows it without fetching anything. */
  dataUri: z.string().startsWith('data:image/png;base64,'),
  /** Pixels. */
  width: z.number().int().positive(),
  /** Pixels. */
  height: z.number().int().positive(),
});

/** What a run keeps of its dataset, so that its results can be read when the dataset is gone. */
export const dataDescriptionSchema = z.strictObject({
  name: z.string(),
  /** `Dataset.fingerprint` */
  fingerprint: z.string(),
  /** [numClasses] */
  targetNames: names,
  /** [numSpurious] */
  spuriousNames: names,
  /** [numGroups]; group = y * numSpurious + a. */
  groupNames: names,
  /** Ascending. */
  minorityGroups: counts,
  /** Examples of each group in each split, [numGroups]. */
  counts: z.strictObject({ train: counts, val: counts, test: counts }).readonly(),
  /** Where every image shows what its class is about; null where dataset.json does not say. */
  coreRegion: coreRegionSchema.nullable(),
  /** The first training images of each group, group after group. */
  samples: z
    .array(
      z.strictObject({
        group: z.number().int().nonnegative(),
        images: z.array(sampleImageSchema.readonly()).readonly(),
      }),
    )
    .readonly(),
});

/** An image as a PNG that lives in the page that shows it. */
export type SampleImage = Readonly<z.infer<typeof sampleImageSchema>>;
/** A run's `data.json`: names, counts and sample pictures of its data. */
export type DataDescription = Readonly<z.infer<typeof dataDescriptionSchema>>;

/**
 * What a run keeps of its dataset.
 *
 * @throws SpurmemError `IMAGE_INVALID` naming a sample image that is missing or cannot be decoded
 */
export async function describeData(dataset: Dataset): Promise<DataDescription> {
  const { name, fingerprint, targetNames, spuriousNames, groupNames, minorityGroups, counts, coreRegion } =
    dataset;
  return {
    name,
    fingerprint,
    targetNames,
    spuriousNames,
    groupNames,
    minorityGroups,
    counts,
    coreRegion: coreRegion === null || typeof coreRegion === 'string' ? coreRegion : [...coreRegion],
    samples: await Promise.all(
      groupNames.map(async (_, group) => ({ group, images: await sampleImages(dataset, group) })),
    ),
  };
}

/** An image's PNG, to live in a page. */
export function toSampleImage(
  png: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
): SampleImage {
  return { dataUri: `data:image/png;base64,${Buffer.from(png).toString('base64')}`, width, height };
}

/** The first training images of a group, small enough to live in a page. */
function sampleImages(dataset: Dataset, group: number): Promise<SampleImage[]> {
  const indices = dataset.splits.train.filter((index) => dataset.groups[index] === group);
  const examples = [...indices.subarray(0, SAMPLES_PER_GROUP)].flatMap(
    (index) => dataset.examples[index] ?? [],
  );
  return Promise.all(examples.map((example) => readExampleImage(dataset, example, readSample)));
}

async function readSample(path: string): Promise<SampleImage> {
  try {
    const sharp = await loadSharp();
    const image = sharp(await readFile(path)).resize({ height: SAMPLE_HEIGHT, kernel: 'nearest' });
    const { data, info } = await image.png().toBuffer({ resolveWithObject: true });
    return toSampleImage(data, info);
  } catch (error) {
    throw invalidImage(path, error);
  }
}
