import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { messageOf, SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import type { CoreRegion } from '../coreRegion.js';
import { badOption, defineLayout, type Row } from '../layout.js';
import {
  insideOf,
  invalidData,
  kindOf,
  pathBelow,
  readCsv,
  readSource,
  relativePath,
} from '../sourceFile.js';
import { type Split, SPLITS } from '../split.js';

/** The names of a split's folder, in any case. */
const FOLDERS: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'training'],
  val: ['val', 'valid', 'validation'],
  test: ['test', 'testing'],
};
/** torchvision's `IMG_EXTENSIONS`, and two more that are decoded. */
const EXTENSION = /^\.(?:jpe?g|png|ppm|bmp|pgm|tiff?|webp|gif|jfif)$/i;
/** Whether a file's name is that of an image. */
export const isImageName = (name: string): boolean => EXTENSION.test(extname(name));
/** Max depth of folders: deeper ones are treated as circular links. */
const MAX_NESTED = 32;

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
  },
  async looksLike(root, isHeldOut) {
    const names = await readdir(root).catch(() => []);
    if (names.some((name) => /\.csv$/i.test(name))) return false;
    const train = names.find((name) => FOLDERS.train.includes(name.toLowerCase()));
    if (train === undefined) return isHeldOut && (await foldersIn(root)).length > 0;
    return (await foldersIn(join(root, train))).length > 0;
  },
  async read(root, options, masks) {
    const { images, leftOut } = await imagesOf(root, masks);
    const names = images.map(({ filename }) => filename);
    const { attribute } = options;
    const table = attribute === undefined ? undefined : await readAttributes(root, attribute, names);
    const listing = { path: root, bytes: Buffer.from(names.map((name) => `${name}\n`).join('')) };
    return {
      options: { format: 'imagefolder' as const, ...options },
      files: table ? [listing, table.file] : [listing],
      rows: images.map((image) => ({ ...image, a: table?.valueOf.get(image.filename) ?? '0', line: 0 })),
      images: '.',
      leftOut,
      labels: { y: { name: 'the folder', areWords: true }, a: table && { name: table.name } },
    };
  },
});

/**
 * Reads the attribute of each image: a CSV file with a header and two columns, first the images, then the attribute. Throws `badOption` for a
 * missing file, and `DATASET_INVALID` naming the line, or the first image that the file lacks.
 */
async function readAttributes(root: string, attribute: string, images: readonly string[]) {
  const path = join(root, attribute);
  if ((await kindOf(path)) !== 'file') {
    const problem = `${path}: the file that \`attribute\` names is missing.`;
    throw badOption('attribute', attribute, problem, 'Name a CSV file in the folder.');
  }
  const file = await readSource(path, 'the file of attributes');
  const known = new Set(images);
  const valueOf = new Map<string, string>();
  let name = '';
  readCsv(file, (header, headerLine) => {
    name = `column ${header[1]?.trim() ?? ''} of ${path}`;
    if (header.length !== 2) {
      const count = header.length === 1 ? 'is one column' : `are ${header.length} columns`;
      throw invalidData(
        `${path}:${headerLine}: there ${count}, and it takes two: the image, then the attribute.`,
      );
    }
    return ([first = '', second = ''], line) => {
      const refuse = (problem: string): SpurmemError => invalidData(`${path}:${line}: ${problem}.`);
      const image = relativePath(insideOf(root, first.trim()), (problem) => {
        throw refuse(`${problem}. Name an image inside the dataset's folder`);
      });
      const value = second.trim();
      if (!known.has(image)) {
        const nearest = nearestNames(image, images, 1).join('');
        throw refuse(`there is no image ${image}; the nearest is ${nearest}. Correct that row`);
      }
      const before = valueOf.get(image) ?? value;
      if (before !== value) {
        throw refuse(
          `${image} is ${JSON.stringify(value)} here, and ${JSON.stringify(before)} above. Keep one`,
        );
      }
      valueOf.set(image, value);
    };
  });
  const missing = images.filter((image) => !valueOf.has(image));
  if (missing.length === 0) return { file, name, valueOf };
  throw invalidData(
    `${path}: ${missing[0] ?? ''} has no row, as ${missing.length} of ${images.length} images. Give each a row.`,
  );
}

/** An image in the folder of its class. */
type Image = Pick<Row, 'filename' | 'y' | 'split'>;

/**
 * The images of all classes and splits, in torchvision's order, without the core region's masks, and what is said of other files. Throws
 * `DATASET_NOT_FOUND` if there is none.
 */
async function imagesOf(
  root: string,
  masks: CoreRegion | undefined,
): Promise<{ readonly images: readonly Image[]; readonly leftOut: string | undefined }> {
  const folders = await foldersIn(root);
  const images: Image[] = [];
  const others: string[] = [];
  const named = SPLITS.flatMap((split) => {
    const found = folders.filter((name) => FOLDERS[split].includes(name.toLowerCase()));
    if (found.length > 1) {
      throw invalidData(`${root}: ${found.join(' and ')} are both folders of the split ${split}. Keep one.`);
    }
    return found.map((name) => ({ split, below: `${name}/` }));
  });
  const isDivided = named.some(({ split }) => split === 'train');
  for (const { split, below } of isDivided ? named : [{ split: 'train' as const, below: '' }]) {
    for (const y of await foldersIn(join(root, below))) {
      const inside = await foldersBelow(root, `${below}${y}`, masks, MAX_NESTED);
      for (const folder of inside.sort()) {
        const files = await filesIn(root, folder);
        for (const filename of files.images) images.push({ filename, y, split });
        others.push(...files.others);
      }
    }
  }
  if (images.length > 0) return { images, leftOut: leftOutOf(root, others) };
  throw new SpurmemError('DATASET_NOT_FOUND', `${root}: there is no image in a folder of a class.`);
}

/** The folders in a folder by name, linked ones included; none if it is missing. */
async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const folders: string[] = [];
  for (const entry of entries.filter(({ name }) => !name.startsWith('.'))) {
    const { name } = entry;
    const isLink = entry.isSymbolicLink() && (await kindOf(join(path, name))) === 'folder';
    if (isLink || entry.isDirectory()) folders.push(name);
  }
  return folders.sort();
}

/** A folder and all below it, without the folder of masks. */
async function foldersBelow(
  root: string,
  folder: string,
  masks: CoreRegion | undefined,
  levels: number,
): Promise<string[]> {
  if (folder === masks) return [];
  if (levels === 0) {
    const problem = `folders lie ${MAX_NESTED} deep here. Remove the link that leads in a circle.`;
    throw invalidData(`${join(root, folder)}: ${problem}`);
  }
  const found = [folder];
  for (const name of await foldersIn(join(root, folder))) {
    found.push(...(await foldersBelow(root, `${folder}/${name}`, masks, levels - 1)));
  }
  return found;
}

/** The images of a folder, and its other files, without hidden ones. */
async function filesIn(root: string, folder: string) {
  const place = join(root, folder);
  const entries = await readdir(place, { withFileTypes: true }).catch((error: unknown) => {
    throw new SpurmemError('DATASET_NOT_FOUND', `${place}: ${messageOf(error)}.`, { cause: error });
  });
  const images = entries.map(({ name }) => name).filter(isImageName);
  const others = entries
    .filter((entry) => entry.isFile() && !isImageName(entry.name) && !entry.name.startsWith('.'))
    .map(({ name }) => name);
  return { images: images.sort().map((name) => `${folder}/${name}`), others };
}

/** Counts files that are not read, by their endings. */
function leftOutOf(root: string, others: readonly string[]): string | undefined {
  if (others.length === 0) return undefined;
  const endings = others.map((name) => extname(name).toLowerCase() || 'without an ending');
  const counted = [...new Set(endings)].map(
    (ending) => `${endings.filter((one) => one === ending).length} ${ending}`,
  );
  return `${root}: ${others.length} ${others.length === 1 ? 'file' : 'files'} in the folders of classes ${others.length === 1 ? 'is' : 'are'} left out: ${counted.join(', ')}. Convert images among them to PNG or JPEG.`;
}
