import { link, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { writeDataTable } from '../../csvFile.js';
import { loadDataset } from '../../data/dataset.js';
import { makeFolder, writeJson } from '../../files.js';
import { native } from '../../native/addon.js';
import { RANGES } from '../../settings/ranges.js';
import { pathSchema, whole } from '../../settings/schema.js';
import * as z from '../../zod.js';
import type { DataMaker } from '../part.js';

/** CelebA's images are in folds that share no identity. */
const FOLDS = 5;
const IMAGES = 'img_align_celeba';
/** Images of a class that are never trained on, in validation and in test, and other validation images. */
const [TWINS_IN_VAL, TWINS_IN_TEST, VALIDATED] = [5, 10, 200];

const count = whole(RANGES.count, 1);

/** How data for planted memories are drawn from CelebA. */
const options = z.strictObject({
  by: z.literal('plant'),
  /** CelebA's folder, with the folds of its images in `folds.csv`. */
  from: pathSchema,
  /** The images to train the start on, or planted images together with images to keep. */
  part: z.enum(['start', 'planted']),
  /** Images with the other class, minority images of which the start saw none, or images of any group with their own class. */
  kind: z.enum(['flipped', 'minority', 'ordinary']),
  /** Planted images, half of them of each class. */
  images: whole(RANGES.count, 2).multipleOf(2).default(10),
  /** Training images to keep. */
  keep: count.default(600),
  /** Images of each class that the start is not trained on; planted images are the first of them. */
  reserve: count.default(20),
});
type PlantOptions = z.output<typeof options>;

interface Image {
  readonly image: string;
  readonly y: number;
  readonly a: number;
  readonly split: number;
}

/**
 * Writes a table of CelebA's images into a folder, with links to them: of the start, or of planted and kept images with the attribute
 * `planted`. The seed decides the fold that is tested, and draws the images. Throws what loading CelebA throws.
 */
async function plant(folder: string, { from, part, ...others }: PlantOptions, seed: number): Promise<void> {
  const { images, preprocessing } = await readImages(from, seed);
  const rows = drawRows(images, others, seed)[part];
  // Hard links: a table's images lie in its folder.
  await rm(join(folder, IMAGES), { recursive: true, force: true });
  await makeFolder(join(folder, IMAGES));
  for (const image of new Set(rows.map((row) => row.image)))
    await link(join(from, IMAGES, image), join(folder, IMAGES, image));
  await writeDataTable(join(folder, 'images.csv'), rows);
  await writeJson(join(folder, 'dataset.json'), {
    format: 'csv',
    table: 'images.csv',
    columns: { filename: 'image', y: 'y', split: 'split', a: 'a' },
    images: IMAGES,
    targetNames: ['not blond', 'blond'],
    spuriousNames: part === 'start' ? ['female', 'male'] : ['kept', 'planted'],
    preprocessing,
  });
}

/** Draws data for planted memories from CelebA. */
export const planting: DataMaker<PlantOptions> = {
  name: 'plant',
  options,
  last: 'dataset.json',
  make: plant,
};

/** CelebA's images with class (blond), attribute (male) and the split that a seed gives their fold. */
async function readImages(celeba: string, seed: number) {
  const folds = parse<{ image: string; fold: string }>(await readFile(join(celeba, 'folds.csv'), 'utf8'), {
    columns: true,
  });
  const foldOf = new Map(folds.map(({ image, fold }) => [image, Number(fold)]));
  const { examples, preprocessing } = await loadDataset(celeba, { format: 'celeba' });
  const images = examples.map(({ filename, y, a }): Image => {
    const fold = foldOf.get(basename(filename));
    const split = fold === seed % FOLDS ? 2 : fold === (seed + 1) % FOLDS ? 1 : 0;
    return { image: basename(filename), y, a, split };
  });
  return { images, preprocessing };
}

function drawRows(
  images: readonly Image[],
  { kind, images: count, keep, reserve }: Omit<PlantOptions, 'by' | 'from' | 'part'>,
  seed: number,
): Record<PlantOptions['part'], Image[]> {
  const places = new (native().Generator)(seed).randperm(images.length);
  const drawn = [...places].map((place) => images[place] as Image);
  const agrees = ({ y, a }: Image): boolean => y !== a;
  const inSplit = (wanted: number): Image[] => drawn.filter(({ split }) => split === wanted);
  /** As many of each class, in their drawn order: of the minorities, or of all. */
  const perClass = (rows: readonly Image[], number: number): Image[] =>
    [0, 1].flatMap((y) =>
      rows.filter((row) => row.y === y && (kind !== 'minority' || !agrees(row))).slice(0, number),
    );
  const unseen = perClass(inSplit(0), reserve);
  const isUnseen = new Set(unseen);
  const isOfStart = (row: Image): boolean => kind !== 'minority' || agrees(row);
  const start = drawn.filter((row) => row.split !== 0 || (isOfStart(row) && !isUnseen.has(row)));
  const twins = [...perClass(inSplit(1), TWINS_IN_VAL), ...perClass(inSplit(2), TWINS_IN_TEST)];
  const isTwin = new Set(twins);
  const others = (split: number): Image[] =>
    inSplit(split).filter((row) => isOfStart(row) && !isTwin.has(row));
  const kept = [
    ...start.filter(({ split }) => split === 0).slice(0, keep),
    ...others(1).slice(0, VALIDATED),
    ...others(2),
  ];
  const planted = [...perClass(unseen, count / 2), ...twins].map(({ y, ...row }) => ({
    ...row,
    y: kind === 'flipped' ? 1 - y : y,
  }));
  return { start, planted: [...withAttribute(kept, 0), ...withAttribute(planted, 1)] };
}

function withAttribute(rows: readonly Image[], a: number): Image[] {
  return rows.map((row) => ({ ...row, a }));
}
