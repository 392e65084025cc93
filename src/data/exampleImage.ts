import { join } from 'node:path';
import { SpurmemError } from '../errors.js';
import type { Dataset, Example } from './dataset.js';
import { requireInside } from './links.js';

/**
 * Reads the image of a dataset's example.
 *
 * @param read takes the image's path, and throws `IMAGE_INVALID` naming it
 * @throws SpurmemError `IMAGE_INVALID` naming the image and its line of the table, also for one outside of the folder by a link
 */
export async function readExampleImage<Image>(
  dataset: Pick<Dataset, 'folder' | 'table' | 'links'>,
  { filename, line }: Pick<Example, 'filename' | 'line'>,
  read: (path: string) => Promise<Image>,
): Promise<Image> {
  try {
    const path = join(dataset.folder, filename);
    await requireInside(dataset, path);
    return await read(path);
  } catch (error) {
    if (!(error instanceof SpurmemError)) throw error;
    throw new SpurmemError(error.code, `${error.problem}; the image is named in ${dataset.table}:${line}.`, {
      advice: [...error.advice, 'Replace the file, or remove that row.'],
      parameter: error.parameter,
      cause: error,
    });
  }
}
