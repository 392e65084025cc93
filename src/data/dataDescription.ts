import { count } from '../recorded.js';
import * as z from '../zod.js';
import { coreRegionSchema } from './coreRegion.js';
import type { Dataset, Example } from './dataset.js';
import { type SampleImage, sampleImage, sampleImageSchema } from './pictures.js';
import { preprocessingSchema } from './preprocessing.js';
import { perSplit, SPLITS } from './split.js';

export { type SampleImage, toSampleImage } from './pictures.js';

/** Sample images of each group. */
const SAMPLES_PER_GROUP = 4;

const names = z.array(z.string()).readonly();
const counts = z.array(count).readonly();

/** A run's copy of its dataset's description, so that its results can be read when the dataset is gone. */
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
  counts: z.strictObject(perSplit(() => counts)).readonly(),
  /** The region in which every image shows its class; null if dataset.json names none. */
  coreRegion: coreRegionSchema.nullable(),
  /** How images became the model's input; absent in runs of earlier versions. */
  preprocessing: preprocessingSchema.optional(),
  /** The first training images of each group, group after group; those of the next split that has any if training has none. */
  samples: z
    .array(z.strictObject({ group: count, images: z.array(sampleImageSchema.readonly()).readonly() }))
    .readonly(),
});
/** A run's `data.json`: names, counts and sample pictures of its data. */
export type DataDescription = Readonly<z.infer<typeof dataDescriptionSchema>>;

/**
 * The part of a dataset, prepared as a run's model takes it, that the run keeps. Throws `IMAGE_INVALID` naming a sample image that is
 * missing or cannot be decoded.
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
    preprocessing: dataset.preprocessing,
    coreRegion: coreRegion === null || typeof coreRegion === 'string' ? coreRegion : [...coreRegion],
    samples: await Promise.all(
      groupNames.map(async (_, group) => ({ group, images: await sampleImages(dataset, group) })),
    ),
  };
}

function sampleImages(dataset: Dataset, group: number): Promise<SampleImage[]> {
  const split = SPLITS.find((one) => (dataset.counts[one][group] ?? 0) > 0) ?? 'train';
  const indices = dataset.splits[split].filter((index) => dataset.groups[index] === group);
  return Promise.all(
    Array.from(indices.subarray(0, SAMPLES_PER_GROUP), (index) =>
      sampleImage(dataset, dataset.examples[index] as Example),
    ),
  );
}
