import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import { comparisonSchema } from '../experiments/comparison.js';
import { imagesSchema } from '../train/imageRecord.js';
import { progressSchema, trainingResultSchema } from '../train/results.js';
import { runFileSchema } from '../train/runConfig.js';
import * as z from '../zod.js';
import { TRACES } from './figures.js';

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
      TRACES.map((trace) => {
        // A run has several, such as one for each perturbation and split.
        const file = trace.fileOf ? `${trace.kind}*` : trace.kind;
        return [trace.kind, { title: `results/${file}.json, of a run`, schema: trace.schema }];
      }),
    ),
    comparison: { title: 'results/comparison.json, of a run', schema: comparisonSchema },
  };

/** The JSON Schema of such a file. */
export function jsonSchemaOf(name: string): object {
  const entry = FILE_SCHEMAS[name];
  if (!entry) throw new RangeError(`There is no file schema named ${name}`);
  return { ...z.toJSONSchema(entry.schema, { io: 'input', unrepresentable: 'any' }), title: entry.title };
}
