import { realpath } from 'node:fs/promises';
import { isAbsolute, relative } from 'node:path';
import { SpurmemError } from '../errors.js';

/** Where a dataset's files may lie. */
interface Confines {
  readonly folder: string;
  /** A folder outside of it that links in it may lead to, where its user names one. */
  readonly links?: string | undefined;
}

/**
 * Checks that a file or folder of a dataset lies in its folder, or in the one that its links may lead to: a table names only
 * what is below the folder, but a link there can be to anything that its user may read.
 *
 * @throws SpurmemError `IMAGE_INVALID` naming what the link leads to
 */
export async function requireInside({ folder, links }: Confines, path: string): Promise<void> {
  const found = await realpath(path).catch(() => undefined);
  // Who reads it says that it is missing.
  if (
    found === undefined ||
    (await isIn(folder, found)) ||
    (links !== undefined && (await isIn(links, found)))
  ) {
    return;
  }
  throw new SpurmemError('IMAGE_INVALID', `${path}: a link leads out of the dataset's folder, to ${found}`, {
    parameter: 'links',
    advice: ['Name the folder that it leads to as `links`, if you trust the dataset with what is there.'],
  });
}

async function isIn(folder: string, path: string): Promise<boolean> {
  const below = relative(await realpath(folder).catch(() => folder), path);
  return below !== '..' && !below.startsWith('../') && !isAbsolute(below);
}
