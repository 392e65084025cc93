import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SpurmemError, systemCode } from '../errors.js';
import { makeFolder, unwritable } from '../files.js';
import { userCache } from '../userCache.js';

/**
 * Where a dataset's store may lie, best place first: in the dataset's folder, else in the user's cache. Below a
 * cache folder every dataset has a folder of its own, since building one store removes the older ones beside it.
 *
 * @param cacheFolder the only place, when given
 */
export function storeFolders(datasetFolder: string, cacheFolder: string | undefined): string[] {
  const own = createHash('sha256').update(datasetFolder).digest('hex').slice(0, 16);
  if (cacheFolder !== undefined) return [join(resolve(cacheFolder), own)];
  return [join(datasetFolder, '.spurmem'), join(userCache(), own)];
}

/**
 * Makes the first of the folders that can be written to.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE` when none can, or the disk is full
 */
export async function makeWritable(folders: readonly string[]): Promise<string> {
  let refusal: unknown;
  for (const folder of folders) {
    try {
      await makeFolder(folder);
      await access(folder, constants.W_OK | constants.X_OK);
      return folder;
    } catch (error) {
      refusal = unwritable(error, folder);
      const reason = error instanceof SpurmemError ? error.cause : error;
      if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(reason) ?? '')) break;
    }
  }
  throw refusal;
}
