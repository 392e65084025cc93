import { readdir } from 'node:fs/promises';
import { extname, join, posix } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { forEachCsvRow } from '../csv.js';
import { readSource } from '../datasetSource.js';
import { relativePath } from '../relativePath.js';
import { parseSplit } from '../table.js';
import type { ResolvedComposeOptions } from './options.js';
import { type ForegroundFile, listCub, WATERBIRDS_CLASSES } from './waterbirds.js';

const IMAGE_ENDINGS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff'];

/** Names of the classes, in the order of y. */
export function classNames({ classes }: ResolvedComposeOptions): readonly string[] {
  return classes?.map(({ name }) => name) ?? WATERBIRDS_CLASSES;
}

/** Lists the foregrounds in a fixed order: those of a table, of folders by class, or of CUB-200-2011. */
export async function listForegrounds(options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const found =
    options.preset === 'waterbirds'
      ? await listCub(options.foregrounds, options.masks as string, options.substringSpecies)
      : options.table === undefined
        ? await listFolders(options)
        : await listTable(options.table, options);
  for (const [y, name] of classNames(options).entries()) {
    if (found.some((foreground) => foreground.y === y)) continue;
    throw new SpurmemError('USAGE', `${options.foregrounds}: no foreground belongs to the class ${name}.`, {
      parameter: 'classes',
      value: options.classes?.[y]?.of.join(','),
      advice: ['Correct what `classes` says belongs to it.'],
    });
  }
  return found;
}

/** All images below a folder, relative to it and sorted, but those of hidden folders. */
export async function imagesBelow(folder: string, what: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    const reason = systemCode(error) === 'ENOENT' ? 'there is no such folder' : messageOf(error);
    throw new SpurmemError('DATASET_NOT_FOUND', `${folder}: ${what} cannot be read: ${reason}.`, {
      advice: ['Correct the path.'],
      cause: error,
    });
  });
  return entries
    .filter((entry) => entry.isFile() && IMAGE_ENDINGS.includes(extname(entry.name).toLowerCase()))
    .map(({ name, parentPath }) => posix.join(parentPath.slice(folder.length).replaceAll('\\', '/'), name))
    .map((path) => path.replace(/^\//, ''))
    .filter((path) => !/(^|\/)\./.test(path))
    .sort();
}

/** Images by the folders that they lie in; those that belong to no class are left out, such as masks beside them. */
async function listFolders({
  foregrounds,
  masks,
  classes = [],
}: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const images = await imagesBelow(foregrounds, 'the folder of the foregrounds');
  const maskOf = await masksByStem(masks);
  return images.flatMap((image) => {
    const y = classes.findIndex(({ of }) => of.some((folder) => image.startsWith(`${folder}/`)));
    return y < 0 ? [] : [{ image, mask: maskOf(image), y, split: undefined }];
  });
}

/** The mask of an image by its path without ending; undefined where there is no folder of masks. */
async function masksByStem(masks: string | undefined): Promise<(image: string) => string | undefined> {
  if (masks === undefined) return () => undefined;
  const stem = (path: string): string => path.slice(0, path.length - extname(path).length);
  const images = await imagesBelow(masks, 'the folder of masks');
  const found = new Map<string, string>();
  for (const mask of images) {
    const other = found.get(stem(mask));
    if (other !== undefined)
      throw ambiguous(masks, `${other} and ${join(masks, mask)} are masks of one foreground`);
    found.set(stem(mask), join(masks, mask));
  }
  const users = new Map<string, string>();
  return (image) => {
    // Masks may mirror the folder of the foregrounds or lie in it: images/a.jpg and masks/a.png.
    const path = found.get(stem(image)) ?? found.get(stem(image.slice(image.indexOf('/') + 1)));
    if (path !== undefined) {
      const other = users.get(path);
      if (other !== undefined)
        throw ambiguous(masks, `${path} would be the mask of ${other} and of ${image}`);
      users.set(path, image);
      return path;
    }
    throw new SpurmemError(
      'DATASET_NOT_FOUND',
      `${masks}: there is no mask of the foreground ${image}: ${stem(image)} with the ending of an image.`,
      { parameter: 'masks', value: masks, advice: ['Add it, or take the image away.'] },
    );
  };
}

function ambiguous(masks: string, problem: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', `${problem}.`, {
    parameter: 'masks',
    value: masks,
    advice: ['Give each foreground one mask, by its path from the folder of the foregrounds.'],
  });
}

async function listTable(table: string, options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { bytes } = await readSource(table, 'the table of foregrounds');
  const maskOf = await masksByStem(options.masks);
  const listed: ForegroundFile[] = [];
  const lines = new Map<string, number>();
  let header: readonly string[] | undefined;
  forEachCsvRow(table, bytes, (cells, line) => {
    if (header === undefined) {
      header = cells.map((name) => name.trim());
      for (const role of COLUMNS) requireColumn(table, header, role, options[role]);
      return;
    }
    const names = header;
    const cell = (role: (typeof COLUMNS)[number]): string | undefined => {
      const name = options[role];
      return name === undefined ? undefined : (cells[names.indexOf(name)] ?? '').trim();
    };
    const y = options.classes?.findIndex(({ of }) => of.includes(cell('classColumn') ?? '')) ?? -1;
    // Files that belong to no class are left out, as a folder would be.
    if (y < 0) return;
    const file = (text: string): string => fileOf(`${table}:${line}`, text);
    const [image, mask, split] = [file(cell('imageColumn') ?? ''), cell('maskColumn'), cell('splitColumn')];
    const where = `${table}:${line}: column ${options.splitColumn ?? ''}: `;
    const before = lines.get(image);
    if (before !== undefined) {
      const problem = `${table}:${line}: ${image} is in line ${before} already, and a foreground is in one split only.`;
      throw new SpurmemError('DATASET_INVALID', problem, { advice: ['Keep one of the lines.'] });
    }
    lines.set(image, line);
    listed.push({
      image,
      y,
      mask: mask === undefined ? maskOf(image) : join(options.foregrounds, file(mask)),
      split: split === undefined ? undefined : parseSplit({ where, text: split }),
    });
  });
  return listed;
}

const COLUMNS = ['imageColumn', 'maskColumn', 'classColumn', 'splitColumn'] as const;

function requireColumn(
  table: string,
  header: readonly string[],
  parameter: string,
  name: string | undefined,
): void {
  if (name === undefined || header.includes(name)) return;
  throw new SpurmemError(
    'USAGE',
    `${table}: the table lacks the column ${name}, which \`${parameter}\` names; its header has ${header.join(', ')}.`,
    {
      parameter,
      value: name,
      expected: 'a column of the table',
      advice: [`The nearest: ${nearestNames(name, header).join(', ')}.`],
    },
  );
}

function fileOf(where: string, text: string): string {
  return relativePath(text, (problem) => {
    throw new SpurmemError('DATASET_INVALID', `${where}: ${problem}.`, {
      advice: ['Name a file inside the folder of the foregrounds.'],
    });
  });
}
