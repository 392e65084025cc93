import { realpath } from 'node:fs/promises';
import { isAbsolute, join, relative } from 'node:path';
import { SpurmemError } from '../errors.js';
import type { Dataset, Example } from './dataset.js';

/**
 * Reads the image of a dataset's example. Errors, also of a link out of the folder, name the line of the table.
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
    throw error instanceof SpurmemError ? withLine(dataset, example, error) : error;
  }
}

/** Adds the image's line of the table to an error, if there is one. */
export function withLine({ table }: Dataset, { line }: Example, error: SpurmemError): SpurmemError {
  const [place, what] = line === 0 ? ['', 'it'] : [`; the image is named in ${table}:${line}`, 'that row'];
  return new SpurmemError(error.code, `${error.problem}${place}.`, {
    advice: [...error.advice, `Replace the file, or remove ${what}.`],
    parameter: error.parameter,
    cause: error,
  });
}

/** Checks that a file or folder of a dataset lies in its folder, unless others are allowed: a link may lead to any file of the user's. Throws `IMAGE_INVALID`. */
export async function requireInside({ folder, options }: Dataset, path: string): Promise<void> {
  const problem = options.allowOutside === true ? undefined : await linkOut(folder, path);
  if (problem === undefined) return;
  throw new SpurmemError('IMAGE_INVALID', problem, {
    advice: [
      'Remove the link, and put what it leads to in its place: a copy, or a hard link. Or allow links of your own with `allowOutside`.',
    ],
  });
}

/** Returns the problem of a path that leads out of a folder by a link. */
export async function linkOut(folder: string, path: string): Promise<string | undefined> {
  const found = await realpath(path).catch(() => undefined);
  // The reader reports a missing file.
  if (found === undefined) return undefined;
  const below = relative(await realpath(folder).catch(() => folder), found);
  if (below !== '..' && !below.startsWith('../') && !isAbsolute(below)) return undefined;
  return `${path}: a link leads out of the dataset's folder, to ${found}`;
}
