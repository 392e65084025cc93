import { dirname } from 'node:path';
import { mapParameters, SpurmemError } from '../errors.js';
import { LONGEST_NAME } from '../settings/ranges.js';
import { defined } from '../settings/setting.js';
import * as z from '../zod.js';
import { HELD_OUT } from './heldOut.js';
import { parseOptions } from './issues.js';
import { badOption, type LayoutOption, type OptionsOf } from './layout.js';
import { type AnyLayout, type DatasetFormat, LAYOUTS } from './layouts.js';
import { insideOf, pathBelow, relativePath } from './sourceFile.js';
import { TICKS } from './ticks.js';

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

const list = (text: string): string[] => text.split(',').map((name) => name.trim());
const names = z.array(z.string().min(1).max(LONGEST_NAME)).min(1);

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
  /** Names of the classes in the order of their numbers, instead of dataset.json's. They may be given after training. */
  classNames: {
    schema: names,
    help: 'names of the classes, in the order of their numbers',
    placeholder: 'list',
    parse: list,
  },
  /** Names of the attribute's values, likewise. */
  attributeNames: {
    schema: names,
    help: 'names of the spurious attribute\u2019s values, in the order of their numbers',
    placeholder: 'list',
    parse: list,
  },
  /** Whether a table, paths and links may lead out of the folder. dataset.json cannot allow it. */
  allowOutside: {
    schema: z.boolean(),
    help: 'follow links and paths of a table of your own out of the folder',
    placeholder: '',
  },
  /** The table of ticked images, which are groups; relative to the dataset's folder. */
  ticks: TICKS,
};
/** Options that are paths. */
const PATHS = ['table', 'attribute', 'images'] as const;

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
/** Options in a run's record, whose paths may have been allowed to lead out of the folder. */
export const recordedOptionsShape = {
  ...datasetOptionsShape,
  table: z.string().optional(),
  attribute: z.string().optional(),
  images: z.string().optional(),
};

/** How to read a dataset's folder; options left out are found from the files. */
export type DatasetOptions = Readonly<z.infer<typeof datasetOptionsSchema>>;

/**
 * Everything besides its files that determined how a dataset was loaded: plain JSON, and options that load the
 * dataset again. `ticks` and those of all layouts are present if they were given.
 */
export type ResolvedOptions = Awaited<ReturnType<AnyLayout['read']>>['options'] & {
  readonly heldOut?: number;
  readonly images?: string;
  readonly ticks?: string;
} & Pick<DatasetOptions, 'classNames' | 'attributeNames' | 'allowOutside'>;

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
  const relative = relativeTo(dirname(config), given);
  const free = relative.allowOutside === true ? PATHS.filter((name) => relative[name] !== undefined) : [];
  const outside = free.map((name) => [
    name,
    relativePath(String(relative[name]), badPath(name), 'file', true),
  ]);
  const bounded = Object.fromEntries(
    Object.entries(relative).filter(([name]) => !(free as readonly string[]).includes(name)),
  );
  const own: DatasetOptions = {
    ...parseOptions(datasetOptionsSchema, bounded, 'Dataset options'),
    ...(Object.fromEntries(outside) as Pick<DatasetOptions, 'table'>),
  };
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
    ticks: own.ticks ?? described.ticks,
    further: defined(pick(own)),
  };
}

/** The caller's options that no layout has and dataset.json does not give. */
function pick({ classNames, attributeNames, allowOutside }: DatasetOptions) {
  return { classNames, attributeNames, allowOutside };
}

function badPath(name: string) {
  return (problem: string): never => {
    throw badOption(name, undefined, `Dataset options: ${name}: ${problem}.`);
  };
}

/** Returns options with absolute paths below the dataset's folder, or with `allowOutside` all, relative to it. */
function relativeTo(folder: string, given: DatasetOptions): Record<string, unknown> {
  // Options of JavaScript may be anything; they are checked next.
  if (typeof given !== 'object' || Array.isArray(given)) return given as never;
  const entries = Object.entries(given).map(([name, value]) => {
    const isPath = typeof value === 'string' && (PATHS as readonly string[]).includes(name);
    return [name, isPath ? insideOf(folder, value, given.allowOutside === true) : value] as const;
  });
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
