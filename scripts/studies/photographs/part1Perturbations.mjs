// Figs 4 and 5 in docs/studies/photographs.md: random values in place of neurons, and noise added to them, beside zeroing, on late models
// that it trains where they are not there: node scripts/studies/photographs/part1Perturbations.mjs birds 0 1 2
import { performance } from 'node:perf_hooks';
import { traceUnstructured } from '../../../dist/index.js';
import { effectColumns, trainModel } from './models.mjs';
import { addResults, BENCHMARKS, readArguments, readResults } from './results.mjs';

const { benchmark, seeds } = readArguments();
for (const seed of seeds) {
  if (!readResults(benchmark, 'perturbations').some((row) => row.seed === seed)) await trace(seed);
}

async function trace(seed) {
  const start = performance.now();
  const run = await trainModel(benchmark, seed, 'late', BENCHMARKS[benchmark].epochs);
  const rows = [];
  for (const perturbation of ['zero', 'reinit', 'noise']) {
    const { entries } = await traceUnstructured({
      ...{ run, criteria: ['gradient', 'magnitude'], topK: [3], split: 'train', seed },
      ...{ perturbation, sigmas: [0.005, 0.05], repeats: 5, nullDraws: 0 },
    });
    rows.push(
      ...entries.map((entry) => ({ seed, perturbation, sigma: entry.sigma, ...effectColumns(entry) })),
    );
  }
  addResults(benchmark, 'perturbations', rows);
  console.error(`${benchmark}, seed ${seed}: ${((performance.now() - start) / 1000).toFixed(0)} s`);
}
