import { z } from 'zod';
import { messageOf, SpurmemError } from '../errors.js';
import { coreRegionSchema } from './coreRegion.js';
import { describedOptionsShape } from './datasetOptions.js';
import { describeIssues } from './issues.js';
import { preprocessingSchema } from './preprocessing.js';

/** The optional description of a dataset, in its folder. */
export const CONFIG_NAME = 'dataset.json';

const names = (least: number) =>
  z
    .array(z.string().min(1))
    .min(least)
    .refine((list) => new Set(list).size === list.length, { error: 'the names must differ from each other' });

/** The content of dataset.json; what is left out takes the defaults that `loadDataset` documents. */
export const datasetConfigSchema = z.strictObject({
  /** How to read the folder; options given to `loadDataset` come first. */
  ...describedOptionsShape,
  /** Runs are named after it. */
  name: z
    .string()
    .regex(/^(?!\.{1,2}$)[^/\\]+$/, 'a name without slashes')
    .optional(),
  /** The classes y, in the order of their numbers; where the table has words, all of these. */
  targetNames: names(2).optional(),
  /** The values of the spurious attribute a, in the order of their numbers; where the table has words, all of these. */
  spuriousNames: names(1).optional(),
  preprocessing: preprocessingSchema.optional(),
  /** Where images show what their class is about; Grad-CAM measures the heat there. */
  coreRegion: coreRegionSchema.optional(),
});
export type DatasetConfig = z.infer<typeof datasetConfigSchema>;

/**
 * Parses the bytes of a dataset.json.
 *
 * @param path the file, for messages
 * @throws SpurmemError `DATASET_INVALID` naming the file and each wrong key
 */
export function parseDatasetConfig(path: string, bytes: Buffer): DatasetConfig {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new SpurmemError(
      'DATASET_INVALID',
      `${path}: not valid JSON: ${messageOf(error)}. Correct the file.`,
      {
        cause: error,
      },
    );
  }
  const parsed = datasetConfigSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new SpurmemError('DATASET_INVALID', `${path}: ${describeIssues(parsed.error)}. Correct the file.`);
}

/** The region with its key, and the comma that parts it from another key: a list without brackets in it, or a path. */
const CORE_REGION =
  /,\s*"coreRegion"\s*:\s*(?:\[[^\]]*\]|"[^"]*")|"coreRegion"\s*:\s*(?:\[[^\]]*\]|"[^"]*")\s*,?\s*/;

/**
 * What counts for a dataset's fingerprint: the bytes of its dataset.json without coreRegion, which changes nothing that a
 * model is trained on. They are the bytes from before the region was added, none where it is the only key, so that runs from
 * then stay valid.
 *
 * @param bytes of a file that `parseDatasetConfig` took
 */
export function fingerprintedConfig(bytes: Buffer): Buffer {
  // A character a byte: what is no text comes back as it was.
  const text = bytes.toString('latin1');
  const rest = text.replace(CORE_REGION, '');
  return rest !== text && /^\s*\{\s*\}\s*$/.test(rest) ? Buffer.alloc(0) : Buffer.from(rest, 'latin1');
}
