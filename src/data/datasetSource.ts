import { stat } from 'node:fs/promises';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';
import type { Split } from './split.js';

/** A file that tells a dataset's examples. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** An image with its labels, as a table names it. */
export interface TableRow {
  /** Relative to the folder of the images, with `/`, normalized. */
  readonly filename: string;
  /** The class. */
  readonly y: number;
  /** The spurious attribute. */
  readonly a: number;
  readonly split: Split;
  /** 1-based line in the file; the last one of a row whose quoted value spans several. 0: the image stands in no table. */
  readonly line: number;
}

/** The content of a dataset's files, before its groups are named. */
export interface DatasetSource<Resolved> {
  /** The choices that determined the reading: plain JSON, and options that read the same again. */
  readonly options: Resolved;
  /** The first is the one whose lines the rows name. */
  readonly files: readonly [SourceFile, ...SourceFile[]];
  readonly rows: readonly TableRow[];
  /** The folder that the rows' file names start from by default, relative to the dataset's folder. */
  readonly images: string;
  /** How messages name the class and the spurious attribute; a dataset without that has classes as groups. */
  readonly labels: { readonly y: string; readonly a?: string };
  /** Names that the layout or its files give the classes, if any, and the spurious attribute's values. */
  readonly targetNames: readonly string[] | undefined;
  readonly spuriousNames: readonly string[] | undefined;
  /** Whether these names are not those of dataset.json, and come before them. */
  readonly hasOtherAttribute?: boolean;
}

/**
 * Reads a file that tells a dataset's examples. Throws `DATASET_NOT_FOUND` when it is missing or cannot be read.
 *
 * @param what names it in messages, such as `the table`
 */
export async function readSource(path: string, what: string): Promise<SourceFile> {
  try {
    return { path, bytes: await readWhole(path) };
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? `${what} is missing` : messageOf(error);
    throw new SpurmemError('DATASET_NOT_FOUND', `${path}: ${problem}.`, { cause: error });
  }
}

/** The largest value of a label + 1. */
export function countValues(rows: readonly TableRow[], label: 'y' | 'a'): number {
  return 1 + rows.reduce((most, row) => Math.max(most, row[label]), 0);
}

/** The kind of what has that path, if anything has; undefined also where a part of the path is no folder. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? 'folder' : 'file');
}
