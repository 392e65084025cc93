// The models of Part I of docs/studies/photographs.md, and what a trace says of one.
import { join } from 'node:path';
import { trainErm } from '../../../dist/index.js';
import { BENCHMARKS, weightsOf } from './results.mjs';

const OUTCOMES = ['accuracy', 'margin', 'loss'];

/** Trains a model, or goes on with it; gives its run folder. */
export async function trainModel(benchmark, seed, stage, epochs) {
  const out = join('runs', 'photographs', benchmark, `${stage}-${seed}`);
  const { data, arch } = BENCHMARKS[benchmark];
  await trainErm({
    ...{ data, out, arch, weights: weightsOf(arch), precision: 'bf16', resume: true },
    ...{ epochs, batchSize: 64, lr: 1e-4, select: 'last', seed },
  });
  return out;
}

/** Columns of an entry of an unstructured trace: the neurons, each group's changes, and minority minus majority. */
export function effectColumns(entry) {
  return {
    ...{ criterion: entry.criterion, chosenFor: entry.group, k: entry.k },
    neurons: entry.neurons.map(({ layer, index }) => `${layer}:${index}`).join(' '),
    ...Object.fromEntries(
      entry.change.flatMap((change, group) => [
        [`accuracy${group}`, change],
        [`margin${group}`, entry.margin[group]],
        [`loss${group}`, entry.loss[group]],
      ]),
    ),
    ...Object.fromEntries(OUTCOMES.map((outcome) => [`${outcome}Interaction`, entry.difference[outcome]])),
  };
}
