import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { SpurmemError } from '../errors.js';
import type { Dataset, Example } from './dataset.js';

/**
 * Reads the image of a dataset's example. Errors of `read`, and that of a link out of the folder, name the line of the table as
 * well.
 */
export async function readExampleImage<Image>(
  dataset: Dataset,
  example: Example,
  read: (path: string) => Promise<Image>,
): Promise<Image> {
  try {
    const path = join(dataset.folder, example.filename);
    await requireInside(dataset, path);
    return await read(path);
  } catch (error) {
    if (!(error instanceof SpurmemError)) throw error;
    const place = placeOf(dataset, example);
    throw new SpurmemError(error.code, `${error.problem}${place === '' ? '' : `; the image is${place}`}.`, {
      advice: [...error.advice, `Replace the file, or remove ${place === '' ? 'it' : 'that row'}.`],
      parameter: error.parameter,
      cause: error,
    });
  }
}

/** ` named in` the line of the table; empty for images of folders, which stand in none. */
export function placeOf({ table }: Dataset, { line }: Example): string {
  return line === 0 ? '' : ` named in ${table}:${line}`;
}

/**
 * Checks that a file or folder of a dataset lies in its folder, or in the one that its links may lead to: a table names only
 * files below the folder, and a link there may lead to any file that the user can read. Throws `IMAGE_INVALID`.
 */
export async function requireInside({ folder, links }: Dataset, path: string): Promise<void> {
  const found = await realpath(path).catch(() => undefined);
  // Who reads a missing file says that it is missing.
  if (found === undefined || (await isIn(folder, found))) return;
  if (links !== undefined && (await isIn(links, found))) return;
  throw new SpurmemError('IMAGE_INVALID', `${path}: a link leads out of the dataset's folder, to ${found}`, {
    parameter: 'links',
    advice: ['Name the folder that it leads to as `links`, if you trust the dataset with what is there.'],
  });
}

async function isIn(folder: string, path: string): Promise<boolean> {
  const below = relative(await realpath(folder).catch(() => folder), path);
  return below !== '..' && !below.startsWith('../') && !isAbsolute(below);
}
