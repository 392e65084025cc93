// What the scripts of docs/studies/photographs.md share: the benchmarks, tables of results, and how tables are printed.
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { summarizeSeeds } from '#src/metrics/seeds.js';

const BIRDS = { data: 'data/birds', arch: 'resnet18', epochs: 10, early: 2, kickIn: 4, testSeeds: 10 };
// Without the secondary null of nearly the same magnitude, which takes most of the time.
const TWO_NULLS = ['same-layers', 'whole-model'];
/** How strong the spurious correlation of the curve's benchmarks is, in percent. */
export const AGREEMENTS = [80, 90, 95, 98, 100];

/** Part II on faces: the arms of the primary outcome and three baselines. */
const FACES_ARMS = [
  ...[
    'ERM',
    'continued, squared error',
    'contrast, no mask',
    'contrast, random mask',
    'contrast, gradient mask',
  ],
  ...['RWG', 'GroupDRO', 'DFR'],
];

/**
 * Epochs of ERM, of its early models, and those before which Part II's arms go on from it. Part II has `testSeeds` seeds from 0, takes the
 * configurations that were chosen on `tunedOn`, and all arms, those of `arms`, or the `best` ones there.
 */
export const BENCHMARKS = {
  birds: BIRDS,
  faces: {
    ...{ ...BIRDS, data: 'data/faces', epochs: 6, early: 1, kickIn: 2, nulls: TWO_NULLS },
    ...{ testSeeds: 5, tunedOn: 'birds', arms: FACES_ARMS },
  },
  // Without the trace by layer, for the same reason: it has three times as many layers.
  'birds-224': { ...BIRDS, data: 'data/birds-224', arch: 'resnet50', nulls: TWO_NULLS, byLayer: false },
  ...Object.fromEntries(
    AGREEMENTS.filter((percent) => percent !== 95).map((percent) => [
      `birds-${percent}`,
      {
        ...BIRDS,
        data: `data/birds-${percent}`,
        testSeeds: 5,
        tunedOn: 'birds',
        arms: 'best',
        lacksGroups: percent === 100,
      },
    ]),
  ),
};

/** ImageNet weights. */
export function weightsOf(arch) {
  return `data/weights/${arch}.safetensors`;
}

export const MINORITIES = [1, 2];
export const CRITERIA = ['gradient', 'magnitude', 'gradient-x-weight'];
export const NULLS = ['same-layers', 'whole-model', 'same-magnitude'];
export const RESULTS = join('docs', 'studies', 'photographs');

/** The benchmark and the seeds that the command names, and the arms, if it does. */
export function readArguments() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { arm: { type: 'string', multiple: true } },
  });
  const [benchmark, ...seeds] = positionals;
  if (benchmark in BENCHMARKS) return { benchmark, seeds: seeds.map(Number), arms: values.arm };
  console.error(
    `Usage: node ${process.argv[1]} ${Object.keys(BENCHMARKS).join('|')} [SEED...] [--arm NAME...]`,
  );
  return process.exit(2);
}

/** A table of results, a row a measurement. */
export function readResults(benchmark, name) {
  const path = pathOf(benchmark, name);
  return existsSync(path) ? parse(readFileSync(path, 'utf8'), { columns: true, cast: toValue }) : [];
}

function pathOf(benchmark, name) {
  return join(RESULTS, `${benchmark}-${name}.csv`);
}

function toValue(text) {
  return text === '' ? null : Number.isNaN(Number(text)) ? text : Number(text);
}

export function addResults(benchmark, name, rows) {
  mkdirSync(RESULTS, { recursive: true });
  const path = pathOf(benchmark, name);
  const [known] = existsSync(path) ? parse(readFileSync(path, 'utf8'), { toLine: 1 }) : [];
  const columns = Object.keys(rows[0]);
  if (known !== undefined && known.join() !== columns.join()) {
    throw new Error(`${path} has the columns ${known.join(', ')}, and these rows ${columns.join(', ')}.`);
  }
  appendFileSync(path, stringify(rows.map(rounded), { header: known === undefined }));
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

export function select(rows, wanted) {
  return rows.filter((row) => Object.entries(wanted).every(([key, value]) => row[key] === value));
}

/** `mean [95 % interval]` over models. */
export function meanText(values, decimals, scale = 1) {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  const ends = interval === null ? '' : ` [${interval.map((end) => end.toFixed(decimals)).join(', ')}]`;
  return `${mean.toFixed(decimals)}${ends}`;
}

/** The test seeds of a benchmark in Part II. */
export function testSeedsOf(benchmark) {
  return Array.from({ length: BENCHMARKS[benchmark].testSeeds }, (_, seed) => seed);
}

/** Of a benchmark's rows of Part II, by arm, one for each of `seeds`; arms that lack one are named on the console and left out. */
export function completeArms(benchmark, seeds) {
  const rows = readResults(benchmark, 'test');
  const arms = [...new Set(rows.map(({ arm }) => arm))].map((arm) => [
    arm,
    seeds.map((seed) => rows.find((row) => row.arm === arm && row.seed === seed)),
  ]);
  const left = arms.filter(([, ofSeeds]) => ofSeeds.includes(undefined)).map(([arm]) => arm);
  if (left.length > 0) console.log(`${benchmark}: left out, for want of seeds: ${left.join(', ')}`);
  return Object.fromEntries(arms.filter(([, ofSeeds]) => !ofSeeds.includes(undefined)));
}

/** Part II by the strength of the spurious correlation: each agreement's complete arms, and all arms that the curve has. */
export function readCurve() {
  const seeds = testSeedsOf(`birds-${AGREEMENTS[0]}`);
  const columns = AGREEMENTS.map((percent) => ({
    percent,
    arms: completeArms(percent === 95 ? 'birds' : `birds-${percent}`, seeds),
  }));
  const others = columns.filter(({ percent }) => percent !== 95);
  const arms = [...new Set(others.flatMap((column) => Object.keys(column.arms)))];
  return { seeds, columns, arms };
}

/** Prints a table in Markdown. */
export function printTable(caption, columns, rows) {
  console.log(`\n${caption}\n`);
  console.log(`| ${columns.join(' | ')} |\n| ${columns.map(() => '---').join(' | ')} |`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}
