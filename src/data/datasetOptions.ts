import { dirname } from 'node:path';
import { mapParameters, SpurmemError } from '../errors.js';
import * as z from '../zod.js';
import { HELD_OUT } from './heldOut.js';
import { parseOptions } from './issues.js';
import { badOption, type LayoutOption, type OptionsOf } from './layout.js';
import { type AnyLayout, type DatasetFormat, LAYOUTS } from './layouts.js';
import { insideOf, pathBelow } from './sourceFile.js';

export type { DatasetFormat } from './layouts.js';

const FORMATS = ['auto', ...LAYOUTS.map(({ name }) => name)] as const;

type Intersection<Union> = (Union extends unknown ? (member: Union) => void : never) extends (
  member: infer All,
) => void
  ? All
  : never;

/** The options of all layouts by their names. */
type OwnOptions = Intersection<AnyLayout['options']>;
const OWN_OPTIONS = Object.fromEntries(
  LAYOUTS.flatMap(({ options }) => Object.entries<LayoutOption<unknown>>(options)),
) as OwnOptions;

const OPTIONS = {
  /** The layout; `auto`, the default, follows from the other options and the files. */
  format: { schema: z.enum(FORMATS), help: 'layout of the dataset', placeholder: 'layout', words: FORMATS },
  ...OWN_OPTIONS,
  heldOut: HELD_OUT,
  /** The folder where the file names start, relative to the dataset's folder, which is the default. */
  images: {
    schema: pathBelow('folder'),
    help: 'where file names start, in the dataset folder',
    placeholder: 'folder',
  },
};

/** An optional key for each option. dataset.json can hold all of them. */
export const datasetOptionsShape = Object.fromEntries(
  Object.entries<LayoutOption<unknown>>(OPTIONS).map(([name, { schema }]) => [name, schema.optional()]),
) as {
  readonly [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name] extends LayoutOption<infer Value>
    ? z.ZodOptional<z.ZodType<Value>>
    : never;
};

/** Checks `DatasetOptions`. */
const datasetOptionsSchema = z.strictObject(datasetOptionsShape);

/** How to read a dataset's folder; options left out are found from the files. */
export type DatasetOptions = Readonly<z.infer<typeof datasetOptionsSchema>>;

/**
 * Everything besides its files that determined how a dataset was loaded: plain JSON, and options that load the
 * dataset again. `heldOut` and `images` are present if they were given.
 */
export type ResolvedOptions = Awaited<ReturnType<AnyLayout['read']>>['options'] & {
  readonly heldOut?: number;
  readonly images?: string;
};

/** All options, in the order of their help on a command line. */
export const DATASET_OPTIONS = Object.entries<LayoutOption<unknown>>(OPTIONS).map(([name, option]) => ({
  name: name as keyof DatasetOptions,
  ...option,
}));

/**
 * Joins a caller's options with dataset.json's, which are the defaults unless they are for another format than the caller's. Throws
 * `USAGE` for the caller's wrong options, `DATASET_INVALID` for dataset.json's.
 *
 * @param config the path of dataset.json, which holds `described`
 */
export function joinOptions(given: DatasetOptions, config: string, described: DatasetOptions) {
  const own = parseOptions(datasetOptionsSchema, relativeTo(dirname(config), given), 'Dataset options');
  /** An error of an option that only dataset.json gave is an error of that file. */
  const blamed = (error: unknown): unknown => {
    if (!(error instanceof SpurmemError) || error.code !== 'USAGE') return error;
    const isDescribed = (name: string): boolean =>
      own[name as keyof DatasetOptions] === undefined &&
      described[name as keyof DatasetOptions] !== undefined;
    if (!isDescribed(error.parameter ?? '')) return error;
    const named = (text: string): string =>
      mapParameters(text, (name) => (isDescribed(name) ? `${name} in ${config}` : `\`${name}\``));
    return new SpurmemError('DATASET_INVALID', named(error.problem), { advice: error.advice.map(named) });
  };
  const ownFormat = formatOf(own);
  let describedFormat: DatasetFormat | undefined;
  try {
    describedFormat = formatOf(described);
  } catch (error) {
    throw blamed(error);
  }
  const applies = ownFormat === undefined || ownFormat === describedFormat;
  const values = (Object.keys(OWN_OPTIONS) as (keyof OwnOptions)[]).flatMap((name) => {
    const value = own[name] ?? (applies ? described[name] : undefined);
    return value === undefined ? [] : [[name, value] as const];
  });
  const options = Object.fromEntries(values) as OptionsOf<OwnOptions>;
  return {
    format: ownFormat ?? describedFormat,
    options,
    blamed,
    // Another table than dataset.json's may have every split.
    heldOut: own.heldOut ?? (applies && own.table === undefined ? described.heldOut : undefined),
    images: own.images ?? described.images,
  };
}

/** Returns options with absolute paths below the dataset's folder relative to it. */
function relativeTo(folder: string, given: unknown): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  const entries = Object.entries(given).map(([name, value]: [string, unknown]) => [
    name,
    typeof value === 'string' ? insideOf(folder, value) : value,
  ]);
  return Object.fromEntries(entries);
}

/** The format that options name or imply. Throws `badOption` for an option of another one. */
function formatOf(options: DatasetOptions): DatasetFormat | undefined {
  const bound = LAYOUTS.flatMap((layout) =>
    (Object.keys(layout.options) as (keyof OwnOptions)[]).map((key) => ({ format: layout.name, key })),
  ).filter(({ key }) => options[key] !== undefined);
  const named = options.format === 'auto' ? undefined : options.format;
  const format = named ?? bound[0]?.format;
  const stray = bound.find((other) => other.format !== format);
  if (format === undefined || stray === undefined) return format;
  const because =
    named === undefined ? `\`${bound[0]?.key ?? ''}\` asks for ${format}` : `\`format\` is ${format}`;
  const problem = `\`${stray.key}\` belongs to the format ${stray.format}, and ${because}.`;
  throw badOption(stray.key, options[stray.key], problem, 'Leave one of them out.');
}
