import type { z } from 'zod';
import type { Asked } from './asked.js';
import type { DatasetSource } from './datasetSource.js';
import type { Split } from './split.js';

/** An option of a dataset's layout. */
export interface LayoutOption<Value> {
  /** Checks a value, and gives it its canonical form. */
  readonly schema: z.ZodType<Value>;
  /** One line of help for a command line. */
  readonly help: string;
  /** What stands for the value in that help, such as `file`. */
  readonly placeholder: string;
  /** Turns a command line's text into a value, and throws `USAGE`; without it the text is the value. */
  readonly parse?: (text: string) => Value;
}

/** A layout's own options by their names, which no other layout's have. */
export type LayoutOptions = Readonly<Record<string, LayoutOption<unknown>>>;

/** What was asked for of some options; what was not is found from the files. */
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

/** A group without an example in a split. */
interface EmptyGroup {
  readonly split: Split;
  readonly group: number;
  readonly y: number;
  readonly a: number;
}

/**
 * A way in which a folder holds a dataset. Each has a file in `layouts/` and its place in the list of `layouts.ts`.
 */
export interface Layout<
  Name extends string,
  Options extends LayoutOptions,
  Resolved extends { readonly format: string },
> {
  /** The value of the option `format`. */
  readonly name: Name;
  /** What the folder has besides images, to follow "either" in a sentence. */
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
  read(root: string, asked: AskedOf<Options>, names: ValueNames): Promise<DatasetSource<Resolved>>;
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
