import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { messageOf, SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { LONGEST_NAME } from '../../settings/ranges.js';
import * as z from '../../zod.js';
import { forEachCsvRow } from '../csv.js';
import {
  defineLayout,
  invalidData,
  kindOf,
  type ReadContext,
  readSource,
  type SourceFile,
  type TableRow,
} from '../layout.js';
import { pathBelow, relativePath } from '../relativePath.js';
import { type Split, SPLITS } from '../split.js';
import { type LabelCell, numberLabels } from '../table.js';

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
/** Folders within one another: deeper ones are taken for links in a circle. */
const MAX_NESTED = 32;

const share = z.number().gt(0).lt(0.5, { error: 'it takes a share above 0 and below 0.5' });

function parseShare(text: string): number {
  const parsed = share.safeParse(text.trim() === '' ? Number.NaN : Number(text));
  if (parsed.success) return parsed.data;
  const details = { parameter: 'heldOut', value: text };
  throw new SpurmemError('USAGE', '`heldOut` takes a share above 0 and below 0.5.', details);
}

/**
 * torchvision's `ImageFolder`, a folder for each split: `train/cat/1.jpg`. Classes are the folders' names, numbered and read in
 * torchvision's order. Groups are classes, or those with the attribute of a CSV file.
 */
export const imageFolder = defineLayout({
  name: 'imagefolder',
  description: 'folders train, val and test with a folder of images for each class',
  options: {
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
  },
  async looksLike(root) {
    const names = await readdir(root).catch(() => []);
    if (names.some((name) => /\.csv$/i.test(name))) return false;
    const train = names.find((name) => FOLDERS.train.includes(name.toLowerCase()));
    return train !== undefined && (await foldersIn(join(root, train))).length > 0;
  },
  async read(root, options, context) {
    const { attribute, heldOut } = options;
    const images = await imagesOf(root, context.coreRegion);
    const names = images.map(({ filename }) => filename);
    const table = attribute === undefined ? undefined : await readAttributes(root, attribute, names, context);
    const targetNames = classesOf(root, images, context);
    const splits = splitsOf(root, images, table?.values, heldOut, context);
    const rows = images.map(({ filename, className }, i): TableRow => ({
      filename,
      y: targetNames.indexOf(className),
      a: table?.values[i] ?? 0,
      split: splits[i] as Split,
      line: 0,
    }));
    const listing = { path: root, bytes: Buffer.from(names.map((name) => `${name}\n`).join('')) };
    return {
      options: { format: 'imagefolder' as const, ...options },
      files: table ? [listing, table.file] : [listing],
      rows,
      images: '.',
      labels: { y: 'the folder', ...(table ? { a: `column ${table.column}` } : {}) },
      targetNames,
      spuriousNames: table?.names,
    };
  },
  fillGroup: ({ split }) => `Put images of it into ${split}, or leave out the class or the attribute.`,
});

/**
 * Reads the attribute of each image: a CSV file with a header and two columns, first the images, then the attribute, a number from 0 or
 * a word. Throws the origin's error for a missing file, and `DATASET_INVALID` naming the line, or the first image that the file lacks.
 */
async function readAttributes(
  root: string,
  attribute: string,
  images: readonly string[],
  { originOf, spuriousNames }: ReadContext,
) {
  const path = join(root, attribute);
  if ((await kindOf(path)) !== 'file') {
    const { error, name } = originOf('attribute');
    throw error(`${path}: the file that ${name} names is missing.`, 'Name a CSV file in the folder.');
  }
  const file = await readSource(path, 'the file of attributes');
  const { column, cells } = attributeCells(file, new Set(images));
  const missing = images.filter((image) => !cells.has(image));
  if (missing.length > 0) {
    throw invalidData(
      `${path}: ${missing[0] ?? ''} has no row, as ${missing.length} of ${images.length} images. Give each a row.`,
    );
  }
  const ofImages = images.map((image) => cells.get(image) as LabelCell);
  return { file, column, ...numberLabels({ table: path, column }, ofImages, spuriousNames) };
}

function attributeCells({ path, bytes }: SourceFile, images: ReadonlySet<string>) {
  const cells = new Map<string, LabelCell>();
  let column: string | undefined;
  forEachCsvRow(path, bytes, (row, line) => {
    const [first = '', second = ''] = row;
    const refuse = (problem: string): SpurmemError => invalidData(`${path}:${line}: ${problem}.`);
    if (column === undefined) {
      const count = row.length === 1 ? 'is one column' : `are ${row.length} columns`;
      if (row.length !== 2) throw refuse(`there ${count}, and it takes two: the image, then the attribute`);
      column = second.trim();
      return;
    }
    const image = relativePath(first.trim(), (problem) => {
      throw refuse(`${problem}. Name an image inside the dataset's folder`);
    });
    if (!images.has(image)) {
      const nearest = nearestNames(image, [...images], 1).join('');
      throw refuse(`there is no image ${image}; the nearest is ${nearest}. Correct that row`);
    }
    const before = cells.get(image);
    if (before !== undefined && before.text.trim() !== second.trim()) {
      const [here, there] = [second, before.text].map((text) => JSON.stringify(text));
      throw refuse(`${image} is ${here ?? ''} here, and ${there ?? ''} on line ${before.line}. Keep one`);
    }
    cells.set(image, { text: second, line });
  });
  if (column !== undefined) return { column, cells };
  throw invalidData(`${path}: the file is empty. Write a header and a row for each image.`);
}

/** An image in the folder of a class. */
interface Image {
  readonly filename: string;
  readonly className: string;
  /** Undefined where the folder is not divided. */
  readonly split: Split | undefined;
}

/**
 * The images of all classes and splits, in torchvision's order, without those of the core region's masks. Throws `DATASET_NOT_FOUND` if
 * there is none.
 */
async function imagesOf(root: string, masks: ReadContext['coreRegion']): Promise<Image[]> {
  const folders = await foldersIn(root);
  const images: Image[] = [];
  const named = SPLITS.flatMap((split) => {
    const found = folders.filter((name) => FOLDERS[split].includes(name.toLowerCase()));
    if (found.length > 1) {
      throw invalidData(`${root}: ${found.join(' and ')} are both folders of the split ${split}. Keep one.`);
    }
    return found.map((name) => ({ split, below: `${name}/` }));
  });
  const isDivided = named.some(({ split }) => split === 'train');
  for (const { split, below } of isDivided ? named : [{ split: undefined, below: '' }]) {
    for (const className of await foldersIn(join(root, below))) {
      const inside = await foldersBelow(root, `${below}${className}`, masks, MAX_NESTED);
      for (const folder of inside.sort()) {
        for (const filename of await filesIn(root, folder)) images.push({ filename, className, split });
      }
    }
  }
  if (images.length > 0) return images;
  throw new SpurmemError('DATASET_NOT_FOUND', `${root}: there is no image in a folder of a class.`);
}

/** The folders in a folder, those that links lead to included, by name; none if it is missing. */
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

/** A folder and all below it, without the folder of masks. */
async function foldersBelow(
  root: string,
  folder: string,
  masks: ReadContext['coreRegion'],
  levels: number,
): Promise<string[]> {
  if (folder === masks) return [];
  if (levels === 0) {
    const place = join(root, folder);
    throw invalidData(
      `${place}: folders lie ${MAX_NESTED} deep here. Remove the link that leads in a circle.`,
    );
  }
  const found = [folder];
  for (const name of await foldersIn(join(root, folder))) {
    found.push(...(await foldersBelow(root, `${folder}/${name}`, masks, levels - 1)));
  }
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
function classesOf(root: string, images: readonly Image[], { targetNames }: ReadContext): readonly string[] {
  const found = [...new Set(images.map(({ className }) => className))].sort();
  const long = found.find((name) => name.length > LONGEST_NAME);
  if (long !== undefined) {
    const shown = `${long.length} characters, ${long.slice(0, 20)}...`;
    throw invalidData(`${root}: a class's folder has a name of ${shown}. Use at most ${LONGEST_NAME}.`);
  }
  const stray = targetNames && found.find((name) => !targetNames.includes(name));
  if (stray === undefined) return targetNames ?? found;
  const nearest = nearestNames(stray, targetNames ?? []).join(', ');
  throw invalidData(
    `${root}: the folder ${stray} is none of the names in dataset.json; the nearest are ${nearest}.`,
  );
}

/** The split of each image; a missing one takes its share of the training images. */
function splitsOf(
  root: string,
  images: readonly Image[],
  attributes: Int32Array | undefined,
  heldOut: number | undefined,
  { originOf }: ReadContext,
): readonly Split[] {
  const splits = images.map(({ split }): Split => split ?? 'train');
  const missing = (['val', 'test'] as const).filter((split) => !splits.includes(split));
  if (heldOut === undefined && missing.length > 0) {
    const folders = missing.map((split) => `${split}/<class>`).join(' and ');
    throw invalidData(
      `${root}: there are no images for the ${missing.length > 1 ? 'splits' : 'split'} ${missing.join(' and ')}, in ${folders}.`,
      'Add them, or hold out a share of the training images for each with `heldOut`, such as 0.2.',
    );
  }
  if (heldOut !== undefined && missing.length === 0) {
    const { name, error } = originOf('heldOut');
    throw error(
      `${root}: ${name} is ${heldOut}, and val and test have images of their own.`,
      'Leave it out.',
    );
  }
  for (const cell of cellsOf(images, attributes)) {
    const each = Math.max(1, Math.round((heldOut ?? 0) * cell.length));
    // Too few to divide: the split's group is then empty, which is reported.
    if (cell.length <= missing.length * each) continue;
    for (const [at, split] of missing.entries())
      for (const index of cell.slice(at * each, (at + 1) * each)) splits[index] = split;
  }
  return splits;
}

/** The training images of each group, in an order that is random, and the same each time and in any copy. */
function cellsOf(images: readonly Image[], attributes: Int32Array | undefined): number[][] {
  const cells = new Map<string, number[]>();
  const orders = images.map(({ filename }) => createHash('sha256').update(filename).digest('hex'));
  for (const [index, { className, split }] of images.entries()) {
    if (split !== undefined && split !== 'train') continue;
    const key = JSON.stringify([className, attributes?.[index] ?? 0]);
    const cell = cells.get(key);
    if (cell) cell.push(index);
    else cells.set(key, [index]);
  }
  const byOrder = (one: number, other: number): number =>
    (orders[one] as string) < (orders[other] as string) ? -1 : 1;
  return [...cells.values()].map((cell) => cell.sort(byOrder));
}
