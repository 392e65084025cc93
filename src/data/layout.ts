import type { z } from 'zod';
import { type ErrorCode, SpurmemError } from '../errors.js';
import type { CoreRegion } from './coreRegion.js';
import type { DatasetSource, TableRow } from './datasetSource.js';

/** An option, of a dataset's layout or of all. */
export interface LayoutOption<Value> {
  /** Checks a value, and gives it its canonical form. */
  readonly schema: z.ZodType<Value>;
  /** One line of help for a command line. */
  readonly help: string;
  /** The name of the value in that help, such as `file`. */
  readonly placeholder: string;
  /** The words that it may be, where it is a word. */
  readonly words?: readonly string[];
  /** Turns a command line's text into a value, and throws `USAGE`; without it the text is the value. */
  readonly parse?: (text: string) => Value;
}

/** A layout's own options by their names, which no other layout's have. */
export type LayoutOptions = Readonly<Record<string, LayoutOption<unknown>>>;

/** A value, and who asked for it, so that a wrong one is blamed on the right place. */
export interface Asked<Value> {
  readonly value: Value;
  readonly code: ErrorCode;
  /** Such as `` `target` ``, the caller's parameter, or `target in /data/dataset.json`. */
  readonly by: string;
  /** The caller's parameter, where the caller asked. */
  readonly parameter?: string | undefined;
}

/** The error of an asked value that does not fit what the dataset's folder holds. */
export function misasked(
  { value, code, parameter }: Asked<unknown>,
  problem: string,
  ...advice: readonly string[]
): SpurmemError {
  return new SpurmemError(code, problem, {
    ...(parameter === undefined ? {} : { parameter, value }),
    advice,
  });
}

/** The options that were asked for; the others are found from the files. */
export type AskedOf<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends LayoutOption<infer Value>
    ? Asked<Value> | undefined
    : never;
};

/** The names that dataset.json gives the values, in the order of their numbers. */
export interface ValueNames {
  readonly targetNames?: readonly string[] | undefined;
  readonly spuriousNames?: readonly string[] | undefined;
}

/** What dataset.json tells a layout besides the options. */
export interface DatasetFacts extends ValueNames {
  readonly coreRegion?: CoreRegion | undefined;
}

/** A group without an example in a split. */
interface EmptyGroup extends Pick<TableRow, 'split' | 'y' | 'a'> {
  readonly group: number;
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
   * Reads the files that tell the examples.
   *
   * @param root the dataset's folder, absolute
   * @throws SpurmemError `DATASET_NOT_FOUND` for a missing file, which `loadDataset` advises about; `DATASET_INVALID`
   *   for bad content; and `misasked` for what was asked and does not fit
   */
  read(root: string, asked: AskedOf<Options>, facts: DatasetFacts): Promise<DatasetSource<Resolved>>;
  /** How to give an empty group examples, as a sentence. */
  fillGroup(empty: EmptyGroup): string;
}

/** A layout with the types of its parts. */
export function defineLayout<
  const Name extends string,
  Options extends LayoutOptions,
  Resolved extends { readonly format: string },
>(layout: Layout<Name, Options, Resolved>): Layout<Name, Options, Resolved> {
  return layout;
}
