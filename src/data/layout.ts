import { SpurmemError } from '../errors.js';
import type * as z from '../zod.js';
import type { CoreRegion } from './coreRegion.js';
import type { SourceFile } from './sourceFile.js';
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
type LayoutOptions = Readonly<Record<string, LayoutOption<unknown>>>;

/** The values of options that were given. */
export type OptionsOf<Options> = {
  readonly [Name in keyof Options]?: Options[Name] extends LayoutOption<infer Value> ? Value : never;
};

/** An image with its labels, as the dataset's files write them. */
export interface Row {
  /** Relative to the folder of the images. */
  readonly filename: string;
  /** The class: a number from 0, or a word. */
  readonly y: string;
  /** The spurious attribute, likewise. */
  readonly a: string;
  readonly split: Split;
  /** 1-based line in the first file; the last one of a row whose quoted value spans several. 0: the image is in no table. */
  readonly line: number;
}

/** The classes, or the values of the spurious attribute. */
export interface Labels {
  /** Their name in messages, such as `column y`. */
  readonly name: string;
  /** Whether digits are words as well. */
  readonly areWords?: boolean;
  /** Names of the numbers 0, 1, ..., if dataset.json has no others. */
  readonly names?: readonly string[] | undefined;
}

/** The content of a dataset's files. */
export interface DatasetSource<Resolved> {
  /** The choices that determined the reading: plain JSON, and options that read the same again. */
  readonly options: Resolved;
  /** Rows name the first one's lines. */
  readonly files: readonly [SourceFile, ...SourceFile[]];
  readonly rows: readonly Row[];
  /** The folder where the rows' file names start by default, relative to the dataset's folder. */
  readonly images: string;
  /** Says which files of the folder are not read. */
  readonly leftOut?: string | undefined;
  /** How messages name the file names; default: not at all. */
  readonly filename?: string;
  /** Without `a`, groups are classes. */
  readonly labels: { readonly y: Labels; readonly a?: Labels | undefined };
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
  /** Whether a folder looks like it, or would with held-out splits; the first of the list that does is taken. */
  looksLike(root: string, isHeldOut: boolean): Promise<boolean>;
  /**
   * Reads the rows, which `loadDataset` checks.
   *
   * @param root the dataset's folder, absolute
   * @param masks dataset.json's core region
   * @throws SpurmemError `DATASET_NOT_FOUND` for a missing file; `DATASET_INVALID` for bad content; `badOption` for an option that does not
   *   fit the folder
   */
  read(
    root: string,
    options: OptionsOf<Options>,
    masks: CoreRegion | undefined,
  ): Promise<DatasetSource<Resolved>>;
}

/** A layout with the types of its parts. */
export function defineLayout<
  const Name extends string,
  Options extends LayoutOptions,
  Resolved extends { readonly format: string },
>(layout: Layout<Name, Options, Resolved>): Layout<Name, Options, Resolved> {
  return layout;
}

/** The error of an option that does not fit the folder. `loadDataset` blames dataset.json if the option is from there. */
export function badOption(
  parameter: string,
  value: unknown,
  problem: string,
  ...advice: readonly string[]
): SpurmemError {
  return new SpurmemError('USAGE', problem, { parameter, value, advice });
}
