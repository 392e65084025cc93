import { readdir } from 'node:fs/promises';
import { extname, join, posix } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { forEachCsvRow } from '../csv.js';
import { readSource } from '../datasetSource.js';
import { relativePath } from '../relativePath.js';
import { parseSplit } from '../table.js';
import type { ForegroundFile } from './foregroundFile.js';
import type { ResolvedComposeOptions } from './options.js';
import { listCub, WATERBIRDS_CLASSES } from './waterbirds.js';

const IMAGE_ENDINGS: readonly string[] = ['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff'];

/** Names of the classes, in the order of y. */
export function classNames({ classes }: ResolvedComposeOptions): readonly string[] {
  return classes?.map(({ name }) => name) ?? WATERBIRDS_CLASSES;
}

/**
 * Lists the foregrounds in a fixed order: those of a table, of folders by class, or of CUB-200-2011.
 *
 * @throws SpurmemError `DATASET_NOT_FOUND` for a folder or file that is missing, `DATASET_INVALID` for a row that names no
 *   class, `USAGE` for a column that the table lacks and a class without foregrounds
 */
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

/** The class of an image is told by the folders that it lies in. */
async function listFolders(options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { foregrounds, masks } = options;
  const images = await imagesBelow(foregrounds, 'the folder of the foregrounds');
  const maskOf = await masksByStem(masks);
  const listed: ForegroundFile[] = [];
  for (const image of images) {
    const y =
      options.classes?.findIndex(({ of }) => of.some((folder) => image.startsWith(`${folder}/`))) ?? -1;
    // Folders that belong to no class are no foregrounds, such as the folder of masks beside them.
    if (y >= 0) listed.push({ image, mask: maskOf(image), y, split: undefined });
  }
  return listed;
}

/** The mask of an image by its path without ending; undefined where there is no folder of masks. */
async function masksByStem(masks: string | undefined): Promise<(image: string) => string | undefined> {
  if (masks === undefined) return () => undefined;
  const stem = (path: string): string => path.slice(0, path.length - extname(path).length);
  const found = new Map(
    (await imagesBelow(masks, 'the folder of masks')).map((mask) => [stem(mask), join(masks, mask)]),
  );
  return (image) => {
    // Masks may mirror the folder of the foregrounds or lie in it: images/a.jpg and masks/a.png.
    const path = found.get(stem(image)) ?? found.get(stem(image.slice(image.indexOf('/') + 1)));
    if (path !== undefined) return path;
    throw new SpurmemError(
      'DATASET_NOT_FOUND',
      `${masks}: there is no mask of the foreground ${image}: ${stem(image)} with the ending of an image.`,
      { parameter: 'masks', value: masks, advice: ['Add it, or take the image away.'] },
    );
  };
}

async function listTable(table: string, options: ResolvedComposeOptions): Promise<ForegroundFile[]> {
  const { bytes } = await readSource(table, 'the table of foregrounds');
  const maskOf = await masksByStem(options.masks);
  const listed: ForegroundFile[] = [];
  let positions: Readonly<Record<ColumnRole, number | undefined>> | undefined;
  forEachCsvRow(table, bytes, (cells, line) => {
    if (positions === undefined) {
      positions = columnsOf(table, cells, options);
      return;
    }
    const found = positions;
    const cell = (role: ColumnRole): string | undefined => {
      const at = found[role];
      return at === undefined ? undefined : (cells[at] ?? '').trim();
    };
    const word = cell('classColumn') ?? '';
    const y = options.classes?.findIndex(({ of }) => of.includes(word)) ?? -1;
    // What belongs to no class is left out, as a folder would be.
    if (y < 0) return;
    const file = (text: string | undefined): string | undefined =>
      text === undefined ? undefined : fileOf(`${table}:${line}`, text);
    const image = file(cell('imageColumn')) as string;
    const mask = file(cell('maskColumn'));
    const split = cell('splitColumn');
    listed.push({
      image,
      y,
      mask: mask === undefined ? maskOf(image) : join(options.foregrounds, mask),
      split:
        split === undefined
          ? undefined
          : parseSplit({ where: `${table}:${line}: column ${options.splitColumn ?? ''}: `, text: split }),
    });
  });
  return listed;
}

type ColumnRole = 'imageColumn' | 'maskColumn' | 'classColumn' | 'splitColumn';

/** The position of each column that is asked for. */
function columnsOf(
  table: string,
  header: readonly string[],
  options: ResolvedComposeOptions,
): Record<ColumnRole, number | undefined> {
  const names = header.map((name) => name.trim());
  const at = (role: ColumnRole): number | undefined => columnAt(table, names, role, options[role]);
  return {
    imageColumn: at('imageColumn'),
    maskColumn: at('maskColumn'),
    classColumn: at('classColumn'),
    splitColumn: at('splitColumn'),
  };
}

function columnAt(
  table: string,
  header: readonly string[],
  parameter: string,
  name: string | undefined,
): number | undefined {
  if (name === undefined) return undefined;
  const at = header.indexOf(name);
  if (at >= 0) return at;
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
  const checked = relativePath(text);
  if ('path' in checked) return checked.path;
  throw new SpurmemError('DATASET_INVALID', `${where}: ${JSON.stringify(text)} ${checked.problem}.`, {
    advice: ['Name a file inside the folder of the foregrounds.'],
  });
}
