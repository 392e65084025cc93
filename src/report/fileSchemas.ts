import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import { RESULTS } from '../experiments/resultFiles.js';
import { imagesSchema } from '../train/imageRecord.js';
import { progressSchema, trainingResultSchema } from '../train/results.js';
import { runFileSchema } from '../train/runConfig.js';
import * as z from '../zod.js';
import { FIGURES } from './figures.js';

/** The first key of files that have a checksum. */
const CHECKSUM = {
  checksum: z
    .string()
    .regex(/^[0-9a-f]{8}$/)
    .describe('CRC-32 of the rest')
    .optional(),
};

/** The files of a run, and a dataset's own, by the names of their JSON Schemas. */
export const FILE_SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> =
  {
    dataset: { title: 'dataset.json, in a dataset\u2019s folder', schema: datasetConfigSchema },
    config: { title: 'config.json, of a run', schema: runFileSchema.extend(CHECKSUM) },
    data: { title: 'data.json, of a run', schema: dataDescriptionSchema.extend(CHECKSUM) },
    epoch: { title: 'checkpoints/epoch-N/epoch.json, of a run', schema: progressSchema.extend(CHECKSUM) },
    training: { title: 'results/METHOD.json, of a run', schema: trainingResultSchema },
    images: { title: 'results/images.json, of a run', schema: imagesSchema },
    ...Object.fromEntries(
      [...Object.values(RESULTS), ...FIGURES.flatMap(({ own }) => own ?? [])].map(({ name, schema }) => {
        // A run has one for each perturbation and split.
        const file = name === RESULTS.traces.name ? `${name}*` : name;
        return [name, { title: `results/${file}.json, of a run`, schema }];
      }),
    ),
  };

/** The JSON Schema of such a file. */
export function jsonSchemaOf(name: string): object {
  const entry = FILE_SCHEMAS[name];
  if (!entry) throw new RangeError(`There is no file schema named ${name}`);
  return { ...z.toJSONSchema(entry.schema, { io: 'input', unrepresentable: 'any' }), title: entry.title };
}
