import { z } from 'zod';
import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import { epochMetricsSchema, trainingResultSchema } from '../train/resultSchemas.js';
import { runFileSchema } from '../train/runConfig.js';
import {
  comparisonSchema,
  gradCamSchema,
  minimalSchema,
  overlapSchema,
  structuredSchema,
  unstructuredSchema,
} from './resultSchemas.js';

/** The files of a run, and a dataset's own, by the names of their schemas in docs/schemas. */
export const FILE_SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> =
  {
    dataset: { title: 'dataset.json, in a dataset\u2019s folder', schema: datasetConfigSchema },
    config: {
      title: 'config.json, of a run',
      schema: runFileSchema,
    },
    data: { title: 'data.json, of a run', schema: dataDescriptionSchema },
    epoch: { title: 'a line of metrics.jsonl, of a run', schema: epochMetricsSchema },
    training: { title: 'results/METHOD.json, of a run', schema: trainingResultSchema },
    'trace-unstructured': {
      title: 'results/trace-unstructured*.json, of a run',
      schema: unstructuredSchema,
    },
    'trace-structured': { title: 'results/trace-structured.json, of a run', schema: structuredSchema },
    'trace-overlap': { title: 'results/trace-overlap.json, of a run', schema: overlapSchema },
    'trace-minimal': { title: 'results/trace-minimal.json, of a run', schema: minimalSchema },
    'grad-cam': { title: 'results/grad-cam.json, of a run', schema: gradCamSchema },
    comparison: { title: 'results/comparison.json, of a run', schema: comparisonSchema },
  };

/** The JSON Schema of such a file. */
export function jsonSchemaOf(name: string): object {
  const entry = FILE_SCHEMAS[name];
  if (!entry) throw new RangeError(`There is no file schema named ${name}`);
  return { ...z.toJSONSchema(entry.schema, { io: 'input', unrepresentable: 'any' }), title: entry.title };
}
