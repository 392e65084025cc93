import { z } from 'zod';
import { SpurmemError } from '../errors.js';
import type { Asked } from './asked.js';
import { refuseOptions } from './issues.js';
import type { AskedOf, LayoutOption, LayoutOptions } from './layout.js';
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

/**
 * A folder outside of the dataset's that links in it may lead to. Not for dataset.json: a dataset does not say what its user
 * trusts it with.
 */
const links = {
  schema: z.string().min(1),
  help: 'folder outside of the dataset folder that its links may lead to',
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

/** What dataset.json can say, too. */
export const describedOptionsShape = {
  ...shapeOf({ format }),
  ...shapeOf<OwnOptions>(OWN_OPTIONS),
  ...shapeOf({ images }),
};

/** Each option by its key; what is left out is found from the files. */
export const datasetOptionsShape = { ...describedOptionsShape, ...shapeOf({ links }) };

/** Checks `DatasetOptions`. */
const datasetOptionsSchema = z.strictObject(datasetOptionsShape);

/** How to read a dataset's folder; everything may be left out. */
export type DatasetOptions = Readonly<z.infer<typeof datasetOptionsSchema>>;

/**
 * All that determined a dataset's loading beside its files: plain JSON, and options that load the same dataset
 * again. `images` and `links` are there when they were given.
 */
export type ResolvedOptions = Awaited<ReturnType<AnyLayout['read']>>['options'] & {
  readonly images?: string;
  readonly links?: string;
};

/** An option, as a command line shows and parses it. */
interface DatasetOption {
  readonly name: keyof DatasetOptions;
  readonly help: string;
  readonly placeholder: string;
  /** The words that it may be, where it is a word. */
  readonly words?: readonly string[];
  /** Turns text into its value, and throws `USAGE`; without it the text is the value. */
  readonly parse?: (text: string) => unknown;
}

/** All options in the order of their help. */
export const DATASET_OPTIONS: readonly DatasetOption[] = Object.entries<Omit<DatasetOption, 'name'>>({
  format,
  ...OWN_OPTIONS,
  images,
  links,
}).map(([name, { help, placeholder, words, parse }]) => ({
  name: name as keyof DatasetOptions,
  help,
  placeholder,
  ...(words === undefined ? {} : { words }),
  ...(parse === undefined ? {} : { parse }),
}));

/** A caller's options over those of dataset.json; an undefined format is to be found from the files. */
export interface DatasetRequest {
  readonly format: DatasetFormat | undefined;
  readonly asked: AskedOf<OwnOptions>;
  readonly images: string | undefined;
}

/**
 * Joins a caller's options with those of dataset.json, which count where the caller says nothing else; what
 * dataset.json says for another format than the caller's does not count.
 *
 * @param config the path of dataset.json, for messages
 * @throws SpurmemError `USAGE` for the caller's wrong options, `DATASET_INVALID` for those of dataset.json
 */
export function joinOptions(
  given: DatasetOptions,
  config: string,
  described: DatasetOptions,
): DatasetRequest {
  const parsed = datasetOptionsSchema.safeParse(given);
  if (!parsed.success)
    throw refuseOptions('Dataset options', given, parsed.error, Object.keys(datasetOptionsShape));
  const own = parsed.data;
  const ownFormat = formatOf(own, undefined);
  const describedFormat = formatOf(described, config);
  const applies = ownFormat === undefined || ownFormat === describedFormat;
  const ask = (name: keyof OwnOptions): Asked<unknown> | undefined => {
    const ours = own[name];
    if (ours !== undefined) return { value: ours, code: 'USAGE', by: `\`${name}\``, parameter: name };
    const theirs = applies ? described[name] : undefined;
    return theirs === undefined
      ? undefined
      : { value: theirs, code: 'DATASET_INVALID', by: `${name} in ${config}` };
  };
  const names = Object.keys(OWN_OPTIONS) as (keyof OwnOptions)[];
  return {
    format: ownFormat ?? describedFormat,
    // Each value has passed the schema of its option.
    asked: Object.fromEntries(names.map((name) => [name, ask(name)])) as AskedOf<OwnOptions>,
    images: own.images ?? described.images,
  };
}

/**
 * The format that options of one origin name or imply.
 *
 * @param config the path of dataset.json, where they are its own
 */
function formatOf(options: DatasetOptions, config: string | undefined): DatasetFormat | undefined {
  const named = options.format === 'auto' ? undefined : options.format;
  const bound = LAYOUTS.flatMap((layout) =>
    (Object.keys(layout.options) as (keyof OwnOptions)[]).map((key) => ({ format: layout.name, key })),
  ).filter(({ key }) => options[key] !== undefined);
  const format = named ?? bound[0]?.format;
  const stray = bound.find((other) => other.format !== format);
  if (format === undefined || stray === undefined) return format;
  const shown = (key: string) => (config === undefined ? `\`${key}\`` : key);
  const because =
    named === undefined
      ? `${shown(bound[0]?.key ?? '')} asks for ${format}`
      : `${shown('format')} is ${format}`;
  throw new SpurmemError(
    config === undefined ? 'USAGE' : 'DATASET_INVALID',
    `${config ?? 'Dataset options'}: ${shown(stray.key)} belongs to the format ${stray.format}, and ${because}.`,
    {
      ...(config === undefined ? { parameter: stray.key, value: options[stray.key] } : {}),
      advice: ['Leave one of them out.'],
    },
  );
}
