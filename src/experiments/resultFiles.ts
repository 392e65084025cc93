import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import { SPLITS } from '../data/split.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { progressSchema, trainingResultSchema } from '../train/results.js';
import { runFileSchema } from '../train/runConfig.js';
import type { RunFolder } from '../train/runFolder.js';
import * as z from '../zod.js';
import { atlasSchema } from './atlas/atlasResult.js';
import { comparisonSchema } from './comparison.js';
import { gradCamSchema } from './gradCamResult.js';
import { overlapSchema, structuredSchema, unstructuredSchema } from './results.js';
import { minimalSchema } from './traceMinimalResult.js';

/** The results of a run beside its training's, with the names and schemas of their files. */
export const RESULTS = {
  traces: { name: 'trace-unstructured', schema: unstructuredSchema },
  layers: { name: 'trace-structured', schema: structuredSchema },
  overlap: { name: 'trace-overlap', schema: overlapSchema },
  minimal: { name: 'trace-minimal', schema: minimalSchema },
  gradCam: { name: 'grad-cam', schema: gradCamSchema },
  neurons: { name: 'neuron-atlas', schema: atlasSchema },
  comparison: { name: 'comparison', schema: comparisonSchema },
} as const;

/** All results of a run beside its training's, each undefined where it has not been made. Throws `RUN_INVALID`. */
export async function readResults(folder: RunFolder) {
  const { layers, overlap, minimal, gradCam, neurons, comparison } = RESULTS;
  return {
    traces: await readTraces(folder),
    layers: await folder.readResult(layers.name, layers.schema),
    overlap: await folder.readResult(overlap.name, overlap.schema),
    minimal: await folder.readResult(minimal.name, minimal.schema),
    gradCam: await folder.readResult(gradCam.name, gradCam.schema),
    neurons: await folder.readResult(neurons.name, neurons.schema),
    comparison: await folder.readResult(comparison.name, comparison.schema),
  };
}

/** All unstructured traces of a run's selected epoch, in the order of their perturbations, each on the training split first. */
async function readTraces(folder: RunFolder) {
  const { name, schema } = RESULTS.traces;
  const names = (await folder.results()).filter((file) => file.startsWith(name));
  const traces = await Promise.all(names.map((file) => folder.readResult(file, schema)));
  return traces
    .filter((trace) => trace !== undefined)
    .filter(({ epoch }) => epoch === undefined)
    .sort(
      (a, b) =>
        PERTURBATION_NAMES.indexOf(a.perturbation) - PERTURBATION_NAMES.indexOf(b.perturbation) ||
        SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split),
    );
}

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
    ...Object.fromEntries(
      Object.entries(RESULTS).map(([key, { name, schema }]) => {
        // A run has one for each perturbation and split.
        const file = key === 'traces' ? `${name}*` : name;
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
