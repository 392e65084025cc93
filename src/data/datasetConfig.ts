import { messageOf, SpurmemError } from '../errors.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import * as z from '../zod.js';
import { coreRegionSchema } from './coreRegion.js';
import { datasetOptionsShape } from './datasetOptions.js';
import { describeIssues } from './issues.js';
import { preprocessingSchema } from './preprocessing.js';
import { pathBelow } from './sourceFile.js';

/** The optional description of a dataset, in its folder. */
export const CONFIG_NAME = 'dataset.json';

const names = (least: number) =>
  z
    .array(z.string().min(1).max(LONGEST_NAME))
    .min(least)
    .max(RANGES.label[1] + 1)
    .refine((list) => new Set(list).size === list.length, { error: 'the names must differ from each other' });

/** Options that dataset.json cannot give. */
const {
  classNames: _classes,
  attributeNames: _values,
  allowOutside: _outside,
  ...ofDataset
} = datasetOptionsShape;

/** The content of dataset.json; keys left out take the defaults that `loadDataset` documents. */
export const datasetConfigSchema = z.strictObject({
  /** How to read the folder; options given to `loadDataset` come first. */
  ...ofDataset,
  /** The caller's may lie anywhere. */
  ticks: pathBelow('file').optional(),
  /** Runs are named after it. */
  name: z
    .string()
    .max(LONGEST_NAME)
    .regex(/^(?!\.{1,2}$)[^/\\]+$/, 'a name without slashes')
    .optional(),
  /** The classes y, in the order of their numbers; if the table has words, all of them. */
  targetNames: names(2).optional(),
  /** The values of the spurious attribute a, in the order of their numbers; if the table has words, all of them. */
  spuriousNames: names(1).optional(),
  preprocessing: preprocessingSchema.optional(),
  /** Where images show their class; Grad-CAM measures the heat there. */
  coreRegion: coreRegionSchema.optional(),
});
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;

/** Parses the bytes of the dataset.json at `path`. Throws `DATASET_INVALID` naming the file and each wrong key. */
export function parseDatasetConfig(path: string, bytes: Uint8Array): DatasetConfig {
  let json: unknown;
  try {
    json = parseJson(bytes);
  } catch (error) {
    const problem = `${path}: not valid JSON: ${messageOf(error)}. Correct the file.`;
    throw new SpurmemError('DATASET_INVALID', problem, { cause: error });
  }
  const parsed = datasetConfigSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new SpurmemError('DATASET_INVALID', `${path}: ${describeIssues(parsed.error)}. Correct the file.`);
}

/**
 * Returns the part of a valid dataset.json that counts for the dataset's fingerprint: everything except coreRegion, which no training
 * reads, so that runs stay valid when it is added. Undefined if nothing else is in it.
 *
 * @param without further keys to leave out
 */
export function fingerprintedConfig(bytes: Uint8Array, without: readonly string[] = []): string | undefined {
  const all = Object.entries(parseJson(bytes) as Readonly<Record<string, unknown>>);
  const rest = all.filter(([key]) => key !== 'coreRegion' && !without.includes(key));
  return rest.length === 0 ? undefined : JSON.stringify(Object.fromEntries(rest));
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes));
}
