import { z } from 'zod';
import { SpurmemError } from '../errors.js';
import type { ErrorCode } from '../errors.js';
import { sharedColumn } from './columns.js';
import type { Columns } from './columns.js';
import { describeIssues } from './issues.js';
import { relativePath } from './relativePath.js';

/** The layouts that `loadDataset` reads. */
export const DATASET_FORMATS = ['waterbirds', 'celeba', 'csv'] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

const columnName = z.string().trim().min(1);
const columns = z
  .strictObject({ filename: columnName, y: columnName, split: columnName, a: columnName })
  .check(({ value, issues }) => {
    const problem = sharedColumn(value);
    if (problem !== undefined) issues.push({ code: 'custom', input: value, message: problem });
  });

const pathBelow = (kind: 'file' | 'folder') =>
  z.string().transform((text, context) => {
    const checked = relativePath(text, kind);
    if ('path' in checked) return checked.path;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} ${checked.problem}` });
    return z.NEVER;
  });

/** Each option by its key; what is left out is found from the files. */
export const datasetOptionsShape = {
  /** The layout; `auto`, the default, goes by the other options and by the files that are there. */
  format: z.enum(['auto', ...DATASET_FORMATS]).optional(),
  /** CelebA: the attribute that is the class; Blond_Hair by default. */
  target: z.string().trim().min(1).optional(),
  /** CelebA: the attribute that is the spurious one; Male by default. */
  spurious: z.string().trim().min(1).optional(),
  /** CSV: the table's file, relative to the dataset's folder; metadata.csv, or the only .csv file, by default. */
  table: pathBelow('file').optional(),
  /** CSV: the table's columns; by default those of Waterbirds or SubpopBench, whichever the header has. */
  columns: columns.optional(),
  /** The folder that the file names start from, relative to the dataset's folder, which is the default. */
  images: pathBelow('folder').optional(),
} as const;

const datasetOptionsSchema = z.strictObject(datasetOptionsShape);

/** How to read a dataset's folder; everything may be left out. */
export interface DatasetOptions {
  /** The layout; `auto`, the default, goes by the other options and by the files that are there. */
  readonly format?: 'auto' | DatasetFormat | undefined;
  /** CelebA: the attribute that is the class y; Blond_Hair by default. */
  readonly target?: string | undefined;
  /** CelebA: the attribute that is the spurious one, a; Male by default. */
  readonly spurious?: string | undefined;
  /** CSV: the table's file, relative to the dataset's folder; metadata.csv, or the only .csv file, by default. */
  readonly table?: string | undefined;
  /** CSV: the table's columns; by default those of Waterbirds or SubpopBench, whichever the header has. */
  readonly columns?: Columns | undefined;
  /** The folder that the file names start from, relative to the dataset's folder, which is the default. */
  readonly images?: string | undefined;
}

/**
 * All that determined a dataset's loading beside its files: plain JSON, and options that load the same dataset
 * again. `images` is there when it was given.
 */
export type ResolvedOptions =
  | { readonly format: 'waterbirds'; readonly images?: string }
  | {
      readonly format: 'celeba';
      readonly target: string;
      readonly spurious: string;
      readonly images?: string;
    }
  | { readonly format: 'csv'; readonly table: string; readonly columns: Columns; readonly images?: string };

/** Options that passed the check, of a caller or of dataset.json. */
export type CheckedOptions = z.infer<typeof datasetOptionsSchema>;

/** A value, and who asked for it, so that a wrong one is blamed on the right place. */
export interface Asked<Value> {
  readonly value: Value;
  readonly code: ErrorCode;
  /** Such as `option target`, or `target in /data/dataset.json`. */
  readonly by: string;
}

/** A caller's options over those of dataset.json; an undefined format is to be found from the files. */
export interface DatasetRequest {
  readonly format: DatasetFormat | undefined;
  readonly target: Asked<string> | undefined;
  readonly spurious: Asked<string> | undefined;
  readonly table: Asked<string> | undefined;
  readonly columns: Asked<Columns> | undefined;
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
  described: CheckedOptions,
): DatasetRequest {
  const parsed = datasetOptionsSchema.safeParse(given);
  if (!parsed.success) throw new SpurmemError('USAGE', `Dataset options: ${describeIssues(parsed.error)}.`);
  const own = parsed.data;
  const ownFormat = formatOf(own, 'USAGE', 'Dataset options');
  const describedFormat = formatOf(described, 'DATASET_INVALID', config);
  const applies = ownFormat === undefined || ownFormat === describedFormat;
  const ask = <Key extends keyof CheckedOptions>(
    key: Key,
  ): Asked<NonNullable<CheckedOptions[Key]>> | undefined => {
    const ours = own[key];
    if (ours !== undefined) return { value: ours, code: 'USAGE', by: `option ${key}` };
    const theirs = applies ? described[key] : undefined;
    return theirs === undefined
      ? undefined
      : { value: theirs, code: 'DATASET_INVALID', by: `${key} in ${config}` };
  };
  return {
    format: ownFormat ?? describedFormat,
    target: ask('target'),
    spurious: ask('spurious'),
    table: ask('table'),
    columns: ask('columns'),
    images: own.images ?? described.images,
  };
}

/** The options that only this format has. */
const KEYS: Readonly<Record<DatasetFormat, readonly (keyof CheckedOptions)[]>> = {
  waterbirds: [],
  celeba: ['target', 'spurious'],
  csv: ['table', 'columns'],
};

/** The format that options of one origin name or imply. */
function formatOf(options: CheckedOptions, code: ErrorCode, where: string): DatasetFormat | undefined {
  const named = options.format === 'auto' ? undefined : options.format;
  const bound = DATASET_FORMATS.flatMap((format) => KEYS[format].map((key) => ({ format, key }))).filter(
    ({ key }) => options[key] !== undefined,
  );
  const format = named ?? bound[0]?.format;
  const stray = bound.find((other) => other.format !== format);
  if (format === undefined || stray === undefined) return format;
  const because = named === undefined ? `${bound[0]?.key ?? ''} asks for ${format}` : `format is ${format}`;
  throw new SpurmemError(
    code,
    `${where}: ${stray.key} belongs to the format ${stray.format}, and ${because}. Leave one of them out.`,
  );
}
