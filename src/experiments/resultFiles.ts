import { SPLITS } from '../data/split.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import type { RunFolder } from '../train/runFolder.js';
import { comparisonSchema } from './comparison.js';
import { gradCamSchema } from './gradCamResult.js';
import { overlapSchema, structuredSchema, unstructuredSchema } from './results.js';

/** The results of a run other than its training's, with the names and schemas of their files. */
export const RESULTS = {
  traces: { name: 'trace-unstructured', schema: unstructuredSchema },
  layers: { name: 'trace-structured', schema: structuredSchema },
  overlap: { name: 'trace-overlap', schema: overlapSchema },
  gradCam: { name: 'grad-cam', schema: gradCamSchema },
  comparison: { name: 'comparison', schema: comparisonSchema },
} as const;

/** Reads all results of a run other than its training's, each undefined if it has not been made. Throws `RUN_INVALID`. */
export async function readResults(folder: RunFolder) {
  const { layers, overlap, gradCam, comparison } = RESULTS;
  return {
    traces: await readTraces(folder),
    layers: await folder.readResult(layers.name, layers.schema),
    overlap: await folder.readResult(overlap.name, overlap.schema),
    gradCam: await folder.readResult(gradCam.name, gradCam.schema),
    comparison: await folder.readResult(comparison.name, comparison.schema),
  };
}

/** Reads all unstructured traces of a run's selected epoch, in the order of perturbations, the training split first. */
async function readTraces(folder: RunFolder) {
  const { name, schema } = RESULTS.traces;
  const names = (await folder.results()).filter((file) => file.startsWith(name));
  const traces = (await Promise.all(names.map((file) => folder.readResult(file, schema)))).filter(
    (trace) => trace !== undefined,
  );
  // Those of scripts come last.
  const order = [...PERTURBATION_NAMES, ...traces.map(({ perturbation }) => perturbation)];
  return traces
    .filter(({ epoch }) => epoch === undefined)
    .sort(
      (a, b) =>
        order.indexOf(a.perturbation) - order.indexOf(b.perturbation) ||
        SPLITS.indexOf(a.split) - SPLITS.indexOf(b.split),
    );
}
