import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { LONGEST_NAME } from '../../settings/ranges.js';
import { type AttributeTable, readAttributes } from '../attributeTable.js';
import { kindOf, type TableRow } from '../datasetSource.js';
import {
  type Asked,
  type AskedOf,
  type DatasetFacts,
  defineLayout,
  misasked,
  type ValueNames,
} from '../layout.js';
import { pathBelow } from '../relativePath.js';
import { type Split, SPLITS } from '../split.js';

/** The names of a split's folder, in any case. */
const FOLDERS: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  val: ['val', 'valid', 'validation'],
  test: ['test', 'testing'],
};
/** torchvision's `IMG_EXTENSIONS` */
const EXTENSIONS = new Set(
  ['jpg', 'jpeg', 'png', 'ppm', 'bmp', 'pgm', 'tif', 'tiff', 'webp'].map((name) => `.${name}`),
);
/** Folders within one another: more are taken for links in a circle. */
const MOST_NESTED = 32;

const share = z.number().gt(0).lt(0.5, { error: 'it takes a share above 0 and below 0.5' });
const options = {
  attribute: {
    schema: pathBelow('file'),
    help: 'image folders: CSV file in the folder, with a column of images and one of the spurious attribute',
    placeholder: 'file',
  },
  /** The share of each missing split. */
  heldOut: {
    schema: share,
    help: 'image folders without val or test: share of the training images that becomes each of them, such as 0.2',
    placeholder: 'share',
    parse: parseShare,
  },
};

function parseShare(text: string): number {
  const parsed = share.safeParse(text.trim() === '' ? Number.NaN : Number(text));
  if (parsed.success) return parsed.data;
  throw new SpurmemError('USAGE', '`heldOut` takes a share above 0 and below 0.5.', {
    parameter: 'heldOut',
    value: text,
  });
}

/**
 * torchvision's `ImageFolder`, a folder for each split: `train/cat/1.jpg`. Classes are the folders' names, numbered and read in
 * torchvision's order. Groups are classes, or those with the attribute of a CSV file.
 */
export const imageFolder = defineLayout({
  name: 'imagefolder',
  description: 'folders train, val and test with a folder of images for each class',
  options,
  async looksLike(root) {
    const names = await readdir(root).catch(() => []);
    if (names.some((name) => /\.csv$/i.test(name))) return false;
    const train = names.find((name) => FOLDERS.train.includes(name.toLowerCase()));
    return train !== undefined && (await foldersIn(join(root, train))).length > 0;
  },
  read,
  fillGroup: ({ split }) => `Put images of it into ${split}, or leave out the class or the attribute.`,
});

/** An image in the folder of a class. */
interface Image {
  readonly filename: string;
  readonly className: string;
  /** Undefined where the folder is not divided. */
  readonly split: Split | undefined;
}

async function read(root: string, { attribute, heldOut }: AskedOf<typeof options>, facts: DatasetFacts) {
  const masks = typeof facts.coreRegion === 'string' ? facts.coreRegion : undefined;
  const images = await imagesOf(root, masks);
  const table =
    attribute &&
    (await readAttributes(
      root,
      attribute,
      images.map(({ filename }) => filename),
      facts,
    ));
  const targetNames = classesOf(root, images, facts);
  const splits = splitsOf(root, images, table, heldOut);
  const rows = images.map(({ filename, className }, i): TableRow => ({
    filename,
    y: targetNames.indexOf(className),
    a: table?.values[i] ?? 0,
    split: splits[i] as Split,
    line: 0,
  }));
  const listing = { path: root, bytes: Buffer.from(images.map(({ filename }) => `${filename}\n`).join('')) };
  return {
    options: {
      format: 'imagefolder' as const,
      ...(attribute === undefined ? {} : { attribute: attribute.value }),
      ...(heldOut === undefined ? {} : { heldOut: heldOut.value }),
    },
    files: table ? ([listing, table.file] as const) : ([listing] as const),
    rows,
    images: '.',
    labels: { y: 'the folder', ...(table ? { a: `column ${table.column}` } : {}) },
    targetNames,
    spuriousNames: table?.names,
  };
}

/**
 * The images of all classes and splits, in torchvision's order, without those below `masks`, a folder relative to the root. Throws
 * `DATASET_NOT_FOUND` where there is none.
 */
async function imagesOf(root: string, masks: string | undefined): Promise<Image[]> {
  const folders = await foldersIn(root);
  const images: Image[] = [];
  const splitFolders = SPLITS.flatMap((split) => {
    const found = folders.filter((name) => FOLDERS[split].includes(name.toLowerCase()));
    if (found.length > 1) {
      throw new SpurmemError(
        'DATASET_INVALID',
        `${root}: ${found.join(' and ')} are both folders of the split ${split}. Keep one.`,
      );
    }
    return found.map((name) => ({ split, name }));
  });
  const isDivided = splitFolders.some(({ split }) => split === 'train');
  for (const { split, name } of isDivided ? splitFolders : [{ split: undefined, name: '.' }]) {
    for (const className of await foldersIn(join(root, name))) {
      const below = name === '.' ? className : `${name}/${className}`;
      const folders = await foldersBelow(root, below, masks, MOST_NESTED);
      for (const folder of folders.sort())
        for (const filename of await filesIn(root, folder)) images.push({ filename, className, split });
    }
  }
  if (images.length > 0) return images;
  throw new SpurmemError('DATASET_NOT_FOUND', `${root}: there is no image in a folder of a class.`);
}

/** The folders in a folder, those that links lead to included, by name; none where it is missing. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const folders: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const isFolder =
      entry.isDirectory() || (entry.isSymbolicLink() && (await kindOf(join(path, entry.name))) === 'folder');
    if (isFolder) folders.push(entry.name);
  }
  return folders.sort();
}

/** A folder and all below it, but for the folder of masks. */
async function foldersBelow(
  root: string,
  folder: string,
  masks: string | undefined,
  levels: number,
): Promise<string[]> {
  if (folder === masks) return [];
  if (levels === 0) {
    const place = join(root, folder);
    const problem = `${place}: folders lie ${MOST_NESTED} deep here. Remove the link that leads in a circle.`;
    throw new SpurmemError('DATASET_INVALID', problem);
  }
  const found = [folder];
  for (const name of await foldersIn(join(root, folder)))
    found.push(...(await foldersBelow(root, `${folder}/${name}`, masks, levels - 1)));
  return found;
}

async function filesIn(root: string, folder: string): Promise<string[]> {
  const place = join(root, folder);
  const names = await readdir(place).catch((error: unknown) => {
    throw new SpurmemError('DATASET_NOT_FOUND', `${place}: ${messageOf(error)}.`, { cause: error });
  });
  const images = names.filter((name) => EXTENSIONS.has(extname(name).toLowerCase()));
  return images.sort().map((name) => `${folder}/${name}`);
}

/** The classes in the order of their numbers. Throws `DATASET_INVALID` for a folder that dataset.json does not name. */
function classesOf(root: string, images: readonly Image[], { targetNames }: ValueNames): readonly string[] {
  const found = [...new Set(images.map(({ className }) => className))].sort();
  const long = found.find((name) => name.length > LONGEST_NAME);
  if (long !== undefined) {
    const problem = `${root}: a class's folder has a name of ${long.length} characters, ${long.slice(0, 20)}... Use at most ${LONGEST_NAME}.`;
    throw new SpurmemError('DATASET_INVALID', problem);
  }
  const stray = targetNames && found.find((name) => !targetNames.includes(name));
  if (stray === undefined) return targetNames ?? found;
  throw new SpurmemError(
    'DATASET_INVALID',
    `${root}: the folder ${stray} is none of the names in dataset.json; the nearest are ${nearestNames(stray, targetNames ?? []).join(', ')}.`,
  );
}

/** The split of each image; a missing one takes its share of the training images. */
function splitsOf(
  root: string,
  images: readonly Image[],
  table: AttributeTable | undefined,
  heldOut: Asked<number> | undefined,
): readonly Split[] {
  const there = new Set(images.map(({ split }) => split ?? 'train'));
  const missing = (['val', 'test'] as const).filter((split) => !there.has(split));
  if (heldOut === undefined && missing.length > 0) {
    throw new SpurmemError(
      'DATASET_INVALID',
      `${root}: there are no images for the ${missing.length > 1 ? 'splits' : 'split'} ${missing.join(' and ')}, in ` +
        `${missing.map((split) => `${split}/<class>`).join(' and ')}.`,
      {
        advice: [
          'Add them, or hold out a share of the training images for each with `heldOut`, such as 0.2.',
        ],
      },
    );
  }
  if (heldOut !== undefined && missing.length === 0) {
    const problem = `${root}: ${heldOut.by} is ${heldOut.value}, and val and test have images of their own.`;
    throw misasked(heldOut, problem, 'Leave it out.');
  }
  const splits = images.map(({ split }): Split => split ?? 'train');
  for (const cell of cellsOf(images, table)) {
    const each = Math.max(1, Math.round((heldOut?.value ?? 0) * cell.length));
    // Too few to divide: the split's group is then empty, which is reported.
    if (cell.length <= missing.length * each) continue;
    for (const [at, split] of missing.entries())
      for (const index of cell.slice(at * each, (at + 1) * each)) splits[index] = split;
  }
  return splits;
}

/** The training images of each group, in an order that is random, and the same each time and in any copy. */
function cellsOf(images: readonly Image[], table: AttributeTable | undefined): number[][] {
  const cells = new Map<string, number[]>();
  const orders = images.map(({ filename }) => createHash('sha256').update(filename).digest('hex'));
  for (const [index, { className, split }] of images.entries()) {
    if (split !== undefined && split !== 'train') continue;
    const key = JSON.stringify([className, table?.values[index] ?? 0]);
    const cell = cells.get(key);
    if (cell) cell.push(index);
    else cells.set(key, [index]);
  }
  const byOrder = (one: number, other: number): number =>
    (orders[one] as string) < (orders[other] as string) ? -1 : 1;
  return [...cells.values()].map((cell) => cell.sort(byOrder));
}
