import { stat } from 'node:fs/promises';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';
import type * as z from '../zod.js';
import type { CoreRegion } from './coreRegion.js';
import type { Split } from './split.js';

/** An option of a layout, or of all. */
export interface LayoutOption<Value> {
  /** Checks a value, and gives it its canonical form. */
  readonly schema: z.ZodType<Value>;
  /** One line of help for a command line. */
  readonly help: string;
  /** The value's name in that help, such as `file`. */
  readonly placeholder: string;
  /** The words that it may be, if it is a word. */
  readonly words?: readonly string[];
  /** Turns a command line's text into a value, and throws `USAGE`; without it the text is the value. */
  readonly parse?: (text: string) => Value;
}

/** A layout's own options by their names, which no other layout's have. */
export type LayoutOptions = Readonly<Record<string, LayoutOption<unknown>>>;

/** The values of options that were given. */
export type OptionsOf<Options> = {
  readonly [Name in keyof Options]?: Options[Name] extends LayoutOption<infer Value> ? Value : never;
};

/** Who gave an option: the caller, or dataset.json. */
export interface Origin {
  readonly isCaller: boolean;
  /** Such as `` `target` ``, or `target in /data/dataset.json`. */
  readonly name: string;
  /** The error of a value that does not fit the folder: the caller's `USAGE`, or `DATASET_INVALID`. */
  readonly error: (problem: string, ...advice: readonly string[]) => SpurmemError;
}

/** What `read` knows besides the options. */
export interface ReadContext {
  readonly originOf: (option: string) => Origin;
  /** dataset.json's names of the values, in the order of their numbers. */
  readonly targetNames?: readonly string[] | undefined;
  readonly spuriousNames?: readonly string[] | undefined;
  readonly coreRegion?: CoreRegion | undefined;
}

/** A file that names a dataset's examples. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** An image with its labels. */
export interface TableRow {
  /** Relative to the folder of the images, with `/`, normalized. */
  readonly filename: string;
  /** The class. */
  readonly y: number;
  /** The spurious attribute. */
  readonly a: number;
  readonly split: Split;
  /** 1-based line in the file; the last one of a row whose quoted value spans several. 0: the image is in no table. */
  readonly line: number;
}

/** The content of a dataset's files, before its groups are named. */
export interface DatasetSource<Resolved> {
  /** The choices that determined the reading: plain JSON, and options that read the same again. */
  readonly options: Resolved;
  /** Rows name the first one's lines. */
  readonly files: readonly [SourceFile, ...SourceFile[]];
  readonly rows: readonly TableRow[];
  /** The folder where the rows' file names start by default, relative to the dataset's folder. */
  readonly images: string;
  /** How messages name the class and the spurious attribute; without that, groups are classes. */
  readonly labels: { readonly y: string; readonly a?: string };
  /** Names that the layout or its files give the classes, if any, and the spurious attribute's values. */
  readonly targetNames: readonly string[] | undefined;
  readonly spuriousNames: readonly string[] | undefined;
  /** Whether the attribute is not the one that dataset.json names. */
  readonly hasOtherAttribute?: boolean;
}

/** A way in which a folder holds a dataset. Each has a file in `layouts/` and its place in the list of `layouts.ts`. */
export interface Layout<
  Name extends string,
  Options extends LayoutOptions,
  Resolved extends { readonly format: string },
> {
  /** The value of the option `format`. */
  readonly name: Name;
  /** The folder's content besides images, to follow "either" in a sentence. */
  readonly description: string;
  readonly options: Options;
  /** Whether a folder looks like it; the first of the list that does is taken. */
  looksLike(root: string): Promise<boolean>;
  /**
   * Reads the rows.
   *
   * @param root the dataset's folder, absolute
   * @throws SpurmemError `DATASET_NOT_FOUND` for a missing file, which `loadDataset` advises about; `DATASET_INVALID`
   *   for bad content; and `originOf(option).error` for an option that does not fit
   */
  read(root: string, options: OptionsOf<Options>, context: ReadContext): Promise<DatasetSource<Resolved>>;
  /** How to give a group examples in a split, as a sentence. */
  fillGroup(empty: Pick<TableRow, 'split' | 'y' | 'a'> & { readonly group: number }): string;
}

/** A layout with the types of its parts. */
export function defineLayout<
  const Name extends string,
  Options extends LayoutOptions,
  Resolved extends { readonly format: string },
>(layout: Layout<Name, Options, Resolved>): Layout<Name, Options, Resolved> {
  return layout;
}

/** The error of a file's bad content. */
export function invalidData(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('DATASET_INVALID', problem, { advice });
}

/**
 * Reads a file that names a dataset's examples. Throws `DATASET_NOT_FOUND` when it is missing or cannot be read.
 *
 * @param what its name in messages, such as `the table`
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

/** The kind of a path; undefined if it is missing, or a part of it is no folder. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? 'folder' : 'file');
}
