import { z } from 'zod';
import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import { epochMetricsSchema, trainingResultSchema } from './resultSchemas.js';
import { runConfigSchema, runEnvironmentSchema } from './runConfig.js';

/** The files of a run that training writes, and a dataset's own, by the names of their schemas in docs/schemas. */
export const FILE_SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> =
  {
    dataset: { title: 'dataset.json, in a dataset\u2019s folder', schema: datasetConfigSchema },
    config: {
      title: 'config.json, of a run',
      schema: z.strictObject({ config: runConfigSchema, environment: runEnvironmentSchema }),
    },
    data: { title: 'data.json, of a run', schema: dataDescriptionSchema },
    epoch: { title: 'a line of metrics.jsonl, of a run', schema: epochMetricsSchema },
    training: { title: 'results/METHOD.json, of a run', schema: trainingResultSchema },
  };

/** The JSON Schema of such a file. */
export function jsonSchemaOf(name: string): object {
  const entry = FILE_SCHEMAS[name];
  if (!entry) throw new RangeError(`There is no file schema named ${name}`);
  return { ...z.toJSONSchema(entry.schema, { io: 'input', unrepresentable: 'any' }), title: entry.title };
}
