// The tables of studies/planted/plan.md: what a base model is trained on, and a planted set beside images to keep. Each is a folder with
// a table and a link to CelebA's images.
import { link, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { loadDataset } from '#src/data/dataset.js';
import { makeFolder, writeAtomic, writeJson } from '#src/files.js';
import { native } from '#src/native/addon.js';

const FOLDS = 5;
const IMAGES = 'img_align_celeba';

/** CelebA's images with class (blond), attribute (male) and fold. */
export async function readImages(data) {
  const folds = parse(await readFile(join(data, 'folds.csv'), 'utf8'), { columns: true });
  const foldOf = new Map(folds.map(({ image, fold }) => [image, Number(fold)]));
  const { examples, preprocessing } = await loadDataset(data, { format: 'celeba' });
  const images = examples.map(({ filename, y, a }) => {
    return { image: basename(filename), y, a, fold: foldOf.get(basename(filename)) };
  });
  return { data, images, preprocessing };
}

/** The rows of both tables of a model: draws of its seed alone. */
export function drawRows({ images }, { kind, count, keep, seed, reserve }) {
  const generator = new (native().Generator)(seed);
  const shuffled = (list) => [...generator.randperm(list.length)].map((place) => list[place]);
  const [testFold, valFold] = [seed % FOLDS, (seed + 1) % FOLDS];
  const agrees = ({ y, a }) => y !== a;
  const isBase = kind === 'minority' ? agrees : () => true;
  const split = (fold) => (fold === testFold ? 2 : fold === valFold ? 1 : 0);
  const drawn = shuffled(images).map((row) => ({ ...row, split: split(row.fold) }));
  const inSplit = (wanted) => drawn.filter((row) => row.split === wanted);
  /** As many of each class, in their drawn order: of the minorities, or of all. */
  const perClass = (rows, number) =>
    [0, 1].flatMap((y) =>
      rows.filter((row) => row.y === y && (kind !== 'minority' || !agrees(row))).slice(0, number),
    );
  // Not seen by the base model, of which the planted ones are the first.
  const unseen = perClass(inSplit(0), reserve);
  const isUnseen = new Set(unseen);
  const base = drawn.filter((row) => (row.split === 0 ? isBase(row) && !isUnseen.has(row) : true));
  const label = (row) => (kind === 'flipped' ? { ...row, y: 1 - row.y } : row);
  const planted = perClass(unseen, count / 2);
  const twins = [...perClass(inSplit(1), 5), ...perClass(inSplit(2), 10)];
  const isTwin = new Set(twins);
  const kept = [
    ...base.filter((row) => row.split === 0).slice(0, keep),
    ...inSplit(1)
      .filter((row) => isBase(row) && !isTwin.has(row))
      .slice(0, 200),
    ...inSplit(2).filter((row) => isBase(row) && !isTwin.has(row)),
  ];
  return {
    base: base.map(({ image, y, split, a }) => ({ image, y, split, a })),
    planted: [
      ...kept.map(({ image, y, split }) => ({ image, y, split, a: 0 })),
      ...[...planted, ...twins].map(label).map(({ image, y, split }) => ({ image, y, split, a: 1 })),
    ],
  };
}

/** Writes a table's folder, and gives how it is loaded. */
export async function writeTable({ data, preprocessing }, folder, rows, spuriousNames) {
  // Hard links: a table's images lie in its folder.
  await rm(join(folder, IMAGES), { recursive: true, force: true });
  await makeFolder(join(folder, IMAGES));
  for (const image of new Set(rows.map((row) => row.image))) {
    await link(join(data, IMAGES, image), join(folder, IMAGES, image));
  }
  await writeAtomic(join(folder, 'images.csv'), stringify(rows, { header: true }));
  const columns = { filename: 'image', y: 'y', split: 'split', a: 'a' };
  const names = { targetNames: ['not blond', 'blond'], spuriousNames };
  const table = { format: 'csv', table: 'images.csv', columns, images: IMAGES };
  await writeJson(join(folder, 'dataset.json'), { ...table, ...names, preprocessing });
  return { data: folder };
}

/** Removes the decoded images of a table that is no longer needed: 29 kB an image. */
export async function removeStore(folder) {
  await rm(join(folder, '.spurmem'), { recursive: true, force: true });
}
