// Part I of docs/studies/photographs.md: trains and traces its models, seed by seed.
//
//   node scripts/studies/photographs/part1.mjs birds 0 1 2
//
// Data are in data/ (docs/photographs.md builds them), runs in runs/photographs/. A seed's results are added to
// docs/studies/photographs/ when all of them are there: a study that was stopped goes on, also on another machine.
import { performance } from 'node:perf_hooks';
import { openRun, traceOverlap, traceStructured, traceUnstructured } from '../../../dist/index.js';
import { effectColumns, trainModel } from './models.mjs';
import { addResults, BENCHMARKS, CRITERIA, NULLS, readArguments, readResults } from './results.mjs';

const { benchmark, seeds } = readArguments();
for (const seed of seeds) await part1(seed);

async function part1(seed) {
  if (readResults(benchmark, 'models').some((row) => row.seed === seed)) return;
  const { epochs: late, early, byLayer = true } = BENCHMARKS[benchmark];
  const start = performance.now();
  const cpu = process.cpuUsage();
  const models = [];
  const effects = [];
  const layers = [];
  const overlaps = [];
  for (const [stage, epochs] of Object.entries({ early, late })) {
    const run = await trainModel(benchmark, seed, stage, epochs);
    models.push(...(await modelRows(seed, stage, run)));
    effects.push(...(await effectRows(seed, stage, run)));
    if (stage === 'late') {
      if (byLayer) layers.push(...(await layerRows(seed, run)));
      overlaps.push(...(await overlapRows(seed, run)));
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  const took = { seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 };
  addResults(benchmark, 'effects', effects);
  if (byLayer) addResults(benchmark, 'layers', layers);
  addResults(benchmark, 'overlaps', overlaps);
  // Last: it says that the seed is finished.
  addResults(
    benchmark,
    'models',
    models.map((row) => ({ ...row, ...took })),
  );
  console.error(`${benchmark}, seed ${seed}: ${took.seconds.toFixed(0)} s`);
}

async function modelRows(seed, stage, run) {
  const { folder } = await openRun(run);
  const result = await folder.readTrainingResult();
  return ['train', 'val', 'test'].flatMap((split) =>
    result[split].accuracy.map((accuracy, group) => ({ seed, stage, split, group, accuracy })),
  );
}

async function effectRows(seed, stage, run) {
  const rows = [];
  const traces = [
    { split: 'train', topK: [3], nullDraws: stage === 'late' ? 20 : 0 },
    ...(stage === 'late'
      ? [
          { split: 'train', topK: [1, 2, 5, 10], nullDraws: 0 },
          { split: 'test', topK: [1, 2, 3, 5, 10], nullDraws: 0 },
        ]
      : []),
  ];
  for (const { split, topK, nullDraws } of traces) {
    const trace = await traceUnstructured({
      ...{ run, criteria: CRITERIA, topK, split, seed },
      // As many exceedances as draws: none is saved, so that the draws' mean is that of a sample of fixed size.
      ...{ nullDraws, exceedances: Math.max(1, nullDraws), nulls: BENCHMARKS[benchmark].nulls ?? NULLS },
    });
    for (const entry of trace.entries) {
      rows.push({ seed, stage, split, ...effectColumns(entry), ...nullColumns(entry) });
    }
  }
  return rows;
}

/** Means over random sets: of the group that the neurons were chosen for, and of minority minus majority. */
function nullColumns({ comparisons, group }) {
  return Object.fromEntries(
    NULLS.flatMap((name) =>
      ['accuracy', 'margin'].flatMap((outcome) => [
        [`${name} ${outcome}`, comparisons?.[name]?.groups[group]?.[outcome].mean ?? null],
        [`${name} ${outcome}Interaction`, comparisons?.[name]?.difference?.[outcome].mean ?? null],
      ]),
    ),
  );
}

async function layerRows(seed, run) {
  const trace = await traceStructured({
    run,
    criteria: CRITERIA,
    topK: [1],
    split: 'train',
    nullDraws: 0,
    seed,
  });
  return trace.entries.map(({ criterion, layer, group, change, margin }) => {
    return { seed, criterion, layer, group, accuracy: change, margin };
  });
}

async function overlapRows(seed, run) {
  const { entries } = await traceOverlap({ run, seed });
  return entries.map(({ reading, group, chosenBy, rankedBy, neurons }) => {
    const ranks = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
    const share = (least) => ranks.filter((rank) => rank >= least).length / ranks.length;
    return {
      ...{ seed, reading, group, chosenBy, rankedBy, neurons: ranks.length },
      ...{
        mean: ranks.reduce((sum, rank) => sum + rank, 0) / ranks.length,
        top5: share(95),
        top50: share(50),
      },
    };
  });
}
