// The study of docs/studies/photographs.md: trains and traces its models, seed by seed, and prints its tables.
//
//   node scripts/studies/photographs.mjs part1 birds 0 1 2    models and traces of these seeds; what is finished is kept
//   node scripts/studies/photographs.mjs tables birds         the tables, from docs/studies/photographs/
//
// Data are in data/ (docs/photographs.md builds them), runs in runs/photographs/. A seed's results are added to
// docs/studies/photographs/ when all of them are there: a study that was stopped goes on, also on another machine.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { equivalence } from '#src/metrics/equivalence.js';
import { holm } from '#src/metrics/holm.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { openRun, traceOverlap, traceStructured, traceUnstructured, trainErm } from '../../dist/index.js';

const RESULTS = join('docs', 'studies', 'photographs');
const CRITERIA = ['gradient', 'magnitude', 'gradient-x-weight'];
const NULLS = ['same-layers', 'whole-model', 'same-magnitude'];
const OUTCOMES = ['accuracy', 'margin', 'loss'];
/** In logits, set before the first run. */
const MARGIN = 0.25;
const MINORITIES = [1, 2];
const BENCHMARKS = {
  birds: { data: 'data/birds', late: 10, early: 2 },
  faces: { data: 'data/faces', late: 6, early: 1, nulls: ['same-layers', 'whole-model'] },
};

const [, , task, benchmark, ...seeds] = process.argv;
if (!(benchmark in BENCHMARKS) || !['part1', 'tables'].includes(task)) {
  console.error(`Usage: photographs.mjs part1|tables ${Object.keys(BENCHMARKS).join('|')} [SEED...]`);
  process.exit(2);
}
if (task === 'tables') tables();
else for (const seed of seeds.map(Number)) await part1(seed);

/** A table of results, a row a measurement; `seed` is its first column. */
function resultsOf(name) {
  const path = join(RESULTS, `${benchmark}-${name}.csv`);
  return existsSync(path) ? parse(readFileSync(path, 'utf8'), { columns: true, cast: toNumber }) : [];
}

function toNumber(text) {
  return text === '' ? null : Number.isNaN(Number(text)) ? text : Number(text);
}

function addResults(name, rows) {
  mkdirSync(RESULTS, { recursive: true });
  const path = join(RESULTS, `${benchmark}-${name}.csv`);
  const isNew = !existsSync(path);
  if (isNew) writeFileSync(path, '');
  appendFileSync(path, stringify(rows.map(rounded), { header: isNew }));
}

/** Five digits are what the tables need. */
function rounded(row) {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value,
    ]),
  );
}

async function part1(seed) {
  if (resultsOf('models').some((row) => row.seed === seed)) return;
  const { late, early } = BENCHMARKS[benchmark];
  const start = performance.now();
  const cpu = process.cpuUsage();
  const models = [];
  const effects = [];
  const layers = [];
  const overlaps = [];
  for (const [stage, epochs] of Object.entries({ early, late })) {
    const run = await train(seed, stage, epochs);
    models.push(...(await modelRows(seed, stage, run)));
    effects.push(...(await effectRows(seed, stage, run)));
    if (stage === 'late') {
      layers.push(...(await layerRows(seed, run)));
      overlaps.push(...(await overlapRows(seed, run)));
    }
  }
  const { user, system } = process.cpuUsage(cpu);
  const took = { seconds: (performance.now() - start) / 1000, processorSeconds: (user + system) / 1e6 };
  addResults('effects', effects);
  addResults('layers', layers);
  addResults('overlaps', overlaps);
  // Last: it says that the seed is finished.
  addResults(
    'models',
    models.map((row) => ({ ...row, ...took })),
  );
  console.error(`${benchmark}, seed ${seed}: ${took.seconds.toFixed(0)} s`);
}

async function train(seed, stage, epochs) {
  const out = join('runs', 'photographs', benchmark, `${stage}-${seed}`);
  const weights = 'data/weights/resnet18.safetensors';
  const { data } = BENCHMARKS[benchmark];
  await trainErm({
    ...{ data, out, arch: 'resnet18', weights, precision: 'bf16', resume: true },
    ...{ epochs, batchSize: 64, lr: 1e-4, select: 'last', seed },
  });
  return out;
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
    { split: 'train', topK: [3], controls: stage === 'late' ? 20 : 0 },
    ...(stage === 'late'
      ? [
          { split: 'train', topK: [1, 2, 5, 10], controls: 0 },
          { split: 'test', topK: [1, 2, 3, 5, 10], controls: 0 },
        ]
      : []),
  ];
  for (const { split, topK, controls } of traces) {
    const trace = await traceUnstructured({
      ...{ run, criteria: CRITERIA, topK, split, seed },
      // As many exceedances as draws: none is saved, so that the draws' mean is that of a sample of fixed size.
      ...{ controls, exceedances: Math.max(1, controls), nulls: BENCHMARKS[benchmark].nulls ?? NULLS },
    });
    for (const entry of trace.entries) {
      rows.push({
        ...{ seed, stage, split, criterion: entry.criterion, chosenFor: entry.group, k: entry.k },
        neurons: entry.neurons.map(({ layer, index }) => `${layer}:${index}`).join(' '),
        ...Object.fromEntries(
          entry.change.flatMap((change, group) => [
            [`accuracy${group}`, change],
            [`margin${group}`, entry.margin[group]],
            [`loss${group}`, entry.loss[group]],
          ]),
        ),
        ...Object.fromEntries(
          OUTCOMES.map((outcome) => [`${outcome}Interaction`, entry.difference[outcome]]),
        ),
        ...nullColumns(entry),
      });
    }
  }
  return rows;
}

/** Means over random sets: of the group that the neurons were chosen for, and of minority minus majority. */
function nullColumns({ controls, group }) {
  return Object.fromEntries(
    NULLS.flatMap((name) =>
      OUTCOMES.filter((outcome) => outcome !== 'loss').flatMap((outcome) => [
        [`${name} ${outcome}`, controls?.[name]?.groups[group]?.[outcome].mean ?? null],
        [`${name} ${outcome}Interaction`, controls?.[name]?.difference?.[outcome].mean ?? null],
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
    controls: 0,
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

function tables() {
  modelTables();
  primaryTables();
  secondaryTables();
}

function meanText(values, decimals, scale = 1) {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  const ends = interval === null ? '' : ` [${interval.map((end) => end.toFixed(decimals)).join(', ')}]`;
  return `${mean.toFixed(decimals)}${ends}`;
}

function printTable(caption, columns, rows) {
  console.log(`\n${caption}\n`);
  console.log(`| ${columns.join(' | ')} |\n| ${columns.map(() => '---').join(' | ')} |`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}

function modelTables() {
  const all = resultsOf('models');
  const seedsOf = [...new Set(all.map(({ seed }) => seed))];
  const took = seedsOf.map((seed) => all.find((row) => row.seed === seed));
  const hours = (key) => (took.reduce((sum, row) => sum + row[key], 0) / 3600).toFixed(2);
  console.log(`${benchmark}: ${seedsOf.length} models (seeds ${seedsOf.join(', ')}); `);
  console.log(`${hours('seconds')} hours, ${hours('processorSeconds')} of processor time`);
  const rows = ['early', 'late'].flatMap((stage) =>
    ['train', 'val', 'test'].map((split) => [
      ...[stage, split],
      ...[0, 1, 2, 3].map((group) =>
        meanText(
          all
            .filter((row) => row.stage === stage && row.split === split && row.group === group)
            .map(({ accuracy }) => accuracy),
          1,
          100,
        ),
      ),
    ]),
  );
  printTable(
    'Accuracy in percent: mean over models, 95 % interval',
    ['models', 'split', 'G0', 'G1*', 'G2*', 'G3'],
    rows,
  );
}

/** The effect that each question tests, of one row. */
const QUESTIONS = {
  interaction: (row) => row.marginInteraction,
  'beyond same layers': (row) => row[`margin${row.chosenFor}`] - row['same-layers margin'],
  'beyond whole model': (row) => row[`margin${row.chosenFor}`] - row['whole-model margin'],
};

function primaryTables() {
  const effects = resultsOf('effects');
  for (const [question, effectOf] of Object.entries(QUESTIONS)) {
    const tests = CRITERIA.flatMap((criterion) =>
      MINORITIES.map((chosenFor) => {
        const values = select(effects, { stage: 'late', split: 'train', k: 3, criterion, chosenFor }).map(
          effectOf,
        );
        return { criterion, chosenFor, values, pValue: signFlip(values)?.pValue };
      }),
    );
    const adjusted = holm(tests.map(({ pValue }) => pValue));
    printTable(
      `Primary: ${question}, margin in logits, k = 3, training split, late models`,
      ['criterion', 'chosen for', 'n', 'mean [95 %]', 'p', 'p, Holm', `90 % within ${MARGIN}`],
      tests.map(({ criterion, chosenFor, values, pValue }, at) => {
        const within = equivalence(values, MARGIN);
        return [
          ...[criterion, `G${chosenFor}*`, values.length, meanText(values, 3)],
          ...[pValue?.toFixed(4) ?? '', adjusted[at]?.toFixed(4) ?? ''],
          within === null
            ? ''
            : `${within.equivalent ? 'yes' : 'no'} [${within.interval.map((end) => end.toFixed(3)).join(', ')}]`,
        ];
      }),
    );
  }
}

function select(rows, wanted) {
  return rows.filter((row) => Object.entries(wanted).every(([key, value]) => row[key] === value));
}

function secondaryTables() {
  const effects = resultsOf('effects');
  const rows = [];
  for (const [stage, split, k] of [
    ...[1, 2, 3, 5, 10].flatMap((k) => [
      ['late', 'train', k],
      ['late', 'test', k],
    ]),
    ['early', 'train', 3],
  ]) {
    for (const criterion of CRITERIA) {
      for (const chosenFor of [0, 1, 2, 3]) {
        const found = select(effects, { stage, split, k, criterion, chosenFor });
        if (found.length === 0) continue;
        rows.push([
          ...[stage, split, k, criterion, `G${chosenFor}`],
          ...[0, 1, 2, 3].map((group) =>
            meanText(
              found.map((row) => row[`accuracy${group}`]),
              1,
              100,
            ),
          ),
          meanText(
            found.map((row) => row.marginInteraction),
            2,
          ),
          ...NULLS.map((name) =>
            found.some((row) => row[`${name} margin`] === null)
              ? ''
              : meanText(
                  found.map((row) => row[`margin${chosenFor}`] - row[`${name} margin`]),
                  2,
                ),
          ),
        ]);
      }
    }
  }
  printTable(
    'Secondary: change of accuracy in points by group, interaction of the margin, and own margin beyond random sets',
    [
      ...['models', 'split', 'k', 'criterion', 'chosen for', 'G0', 'G1*', 'G2*', 'G3', 'margin interaction'],
      ...NULLS.map((name) => `beyond ${name}`),
    ],
    rows,
  );
  layerTable();
  overlapTable();
}

function layerTable() {
  const all = resultsOf('layers');
  const layers = [...new Set(all.map(({ layer }) => layer))];
  printTable(
    'Fig. 7: change of a group’s accuracy in points when its top neuron of a layer is zeroed, mean over models',
    ['layer', ...CRITERIA.flatMap((criterion) => [0, 1, 2, 3].map((group) => `${criterion} G${group}`))],
    layers.map((layer) => [
      layer,
      ...CRITERIA.flatMap((criterion) =>
        [0, 1, 2, 3].map((group) => {
          const found = select(all, { layer, criterion, group });
          return found.length === 0
            ? ''
            : meanText(
                found.map(({ accuracy }) => accuracy),
                1,
                100,
              ).split(' ')[0];
        }),
      ),
    ]),
  );
}

function overlapTable() {
  const all = resultsOf('overlaps');
  const keys = [
    ...new Set(all.map((row) => JSON.stringify([row.reading, row.chosenBy, row.rankedBy, row.group]))),
  ];
  printTable(
    'Fig. 3: where the neurons that one criterion chooses stand under the other, mean over models',
    [
      'reading',
      'chosen by',
      'ranked by',
      'group',
      'mean percentile',
      'share in the top 5 %',
      'share above the median',
    ],
    keys.map((key) => {
      const [reading, chosenBy, rankedBy, group] = JSON.parse(key);
      const found = select(all, { reading, chosenBy, rankedBy, group });
      return [
        ...[reading, chosenBy, rankedBy, `G${group}`],
        meanText(
          found.map((row) => row.mean),
          1,
        ),
        meanText(
          found.map((row) => row.top5),
          2,
        ),
        meanText(
          found.map((row) => row.top50),
          2,
        ),
      ];
    }),
  );
}
