import { readFile, stat } from 'node:fs/promises';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import type { ResolvedOptions } from './datasetOptions.js';
import type { TableRow } from './table.js';

/** A file that tells a dataset's examples. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** What a dataset's files say, before its groups are named. */
export interface DatasetSource {
  readonly options: ResolvedOptions;
  /** The first is the one whose lines the rows name. */
  readonly files: readonly [SourceFile, ...SourceFile[]];
  readonly rows: readonly TableRow[];
  /** What the file names of the rows start from, relative to the dataset's folder. */
  readonly images: string;
  /** How messages name the class and the spurious attribute. */
  readonly labels: { readonly y: string; readonly a: string };
  /** Names that the files give the classes, if any. */
  readonly targetNames: readonly string[] | undefined;
  /** Names that the files give the spurious attribute's values, if any. */
  readonly spuriousNames: readonly string[] | undefined;
}

/** What a folder that is no dataset should hold; ends messages. */
export const LAYOUTS =
  'A dataset is a folder with images and either a table metadata.csv with the columns img_filename, y, split ' +
  '(0 train, 1 val, 2 test) and place, or a CSV file with others that the options table and columns name, or ' +
  "CelebA's list_attr_celeba and list_eval_partition (.txt or .csv). `spurmem dataset dominoes` builds one to try.";

/**
 * Reads a file that tells a dataset's examples.
 *
 * @param what names it in messages, such as `the table`
 * @throws SpurmemError `DATASET_NOT_FOUND` when it is missing or cannot be read
 */
export async function readSource(path: string, what: string): Promise<SourceFile> {
  try {
    return { path, bytes: await readFile(path) };
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? `${what} is missing` : messageOf(error);
    throw new SpurmemError('DATASET_NOT_FOUND', `${path}: ${problem}. ${LAYOUTS}`, { cause: error });
  }
}

/** Whether something has that path, and what; undefined also where a part of the path is no folder. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  return found.isDirectory() ? 'folder' : 'file';
}
