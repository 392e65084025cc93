import { SpurmemError } from '../errors.js';
import * as z from '../zod.js';
import { parseOptions } from './issues.js';
import type { LayoutOption, LayoutOptions, OptionsOf, Origin } from './layout.js';
import { type AnyLayout, type DatasetFormat, LAYOUTS } from './layouts.js';
import { pathBelow } from './relativePath.js';

export type { DatasetFormat } from './layouts.js';

const FORMATS = ['auto', ...LAYOUTS.map(({ name }) => name)] as const;

/** The layout; `auto`, the default, goes by the other options and by the files that are there. */
const format = {
  schema: z.enum(FORMATS),
  help: 'layout of the dataset',
  placeholder: 'layout',
  words: FORMATS,
};

/** The folder that the file names start from, relative to the dataset's folder, which is the default. */
const images = {
  schema: pathBelow('folder'),
  help: 'where file names start, in the dataset folder',
  placeholder: 'folder',
};

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

/** An optional key for each option. */
type ShapeOf<Options> = {
  readonly [Name in keyof Options]: Options[Name] extends LayoutOption<infer Value>
    ? z.ZodOptional<z.ZodType<Value>>
    : never;
};

function shapeOf<Options extends LayoutOptions>(options: Options): ShapeOf<Options> {
  const keys = Object.entries(options).map(([name, { schema }]) => [name, schema.optional()]);
  return Object.fromEntries(keys) as ShapeOf<Options>;
}

/** Each option by its key. dataset.json can hold all of them. */
export const datasetOptionsShape = {
  ...shapeOf({ format }),
  ...shapeOf<OwnOptions>(OWN_OPTIONS),
  ...shapeOf({ images }),
};

/** Checks `DatasetOptions`. */
const datasetOptionsSchema = z.strictObject(datasetOptionsShape);

/** How to read a dataset's folder; options left out are found from the files. */
export type DatasetOptions = Readonly<z.infer<typeof datasetOptionsSchema>>;

/**
 * All that determined a dataset's loading beside its files: plain JSON, and options that load the same dataset
 * again. `images` is there when it was given.
 */
export type ResolvedOptions = Awaited<ReturnType<AnyLayout['read']>>['options'] & {
  readonly images?: string;
};

/** All options, in the order of their help on a command line. */
export const DATASET_OPTIONS = Object.entries<LayoutOption<unknown>>({
  format,
  ...OWN_OPTIONS,
  images,
}).map(([name, option]) => ({ name: name as keyof DatasetOptions, ...option }));

/**
 * Joins a caller's options with those of dataset.json, which count where the caller says nothing else; its options for another
 * format than the caller's do not count. Throws `USAGE` for the caller's wrong options, `DATASET_INVALID` for dataset.json's.
 */
export function joinOptions(given: DatasetOptions, config: string, described: DatasetOptions) {
  const own = parseOptions(datasetOptionsSchema, given, 'Dataset options');
  const ownFormat = formatOf(own, undefined);
  const describedFormat = formatOf(described, config);
  const applies = ownFormat === undefined || ownFormat === describedFormat;
  const values = (Object.keys(OWN_OPTIONS) as (keyof OwnOptions)[]).flatMap((name) => {
    const value = own[name] ?? (applies ? described[name] : undefined);
    return value === undefined ? [] : [[name, value] as const];
  });
  const options = Object.fromEntries(values) as OptionsOf<OwnOptions>;
  const originOf = (option: string): Origin => {
    const value = own[option as keyof OwnOptions];
    const isCaller = value !== undefined;
    const isKnown = option in options;
    return {
      isCaller,
      name: isCaller ? `\`${option}\`` : isKnown ? `${option} in ${config}` : 'the default',
      error: (problem, ...advice) =>
        new SpurmemError(isCaller ? 'USAGE' : 'DATASET_INVALID', problem, {
          ...(isCaller ? { parameter: option, value } : {}),
          advice,
        }),
    };
  };
  const format = ownFormat ?? describedFormat;
  return { format, options, originOf, images: own.images ?? described.images };
}

/** The format that options name or imply: a caller's, or those of the dataset.json at `config`. */
function formatOf(options: DatasetOptions, config: string | undefined): DatasetFormat | undefined {
  const named = options.format === 'auto' ? undefined : options.format;
  const bound = LAYOUTS.flatMap((layout) =>
    (Object.keys(layout.options) as (keyof OwnOptions)[]).map((key) => ({ format: layout.name, key })),
  ).filter(({ key }) => options[key] !== undefined);
  const format = named ?? bound[0]?.format;
  const stray = bound.find((other) => other.format !== format);
  if (format === undefined || stray === undefined) return format;
  const { key } = stray;
  const shown = (name: string) => (config === undefined ? `\`${name}\`` : name);
  const because =
    named === undefined
      ? `${shown(bound[0]?.key ?? '')} asks for ${format}`
      : `${shown('format')} is ${format}`;
  throw new SpurmemError(
    config === undefined ? 'USAGE' : 'DATASET_INVALID',
    `${config ?? 'Dataset options'}: ${shown(key)} belongs to the format ${stray.format}, and ${because}.`,
    {
      ...(config === undefined ? { parameter: key, value: options[key] } : {}),
      advice: ['Leave one of them out.'],
    },
  );
}
