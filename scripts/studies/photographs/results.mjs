// What the scripts of docs/studies/photographs.md share: the benchmarks, tables of results, and how tables are printed.
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import { summarizeSeeds } from '#src/metrics/seeds.js';

const BIRDS = { data: 'data/birds', arch: 'resnet18', epochs: 10, early: 2, kickIn: 4 };
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
 * Epochs of ERM, of its early models, and those before which Part II's arms go on from it. Part II takes the configurations that were
 * chosen on `tunedOn`, and all arms, those of `arms`, or the `best` ones there.
 */
export const BENCHMARKS = {
  birds: BIRDS,
  faces: {
    ...{ ...BIRDS, data: 'data/faces', epochs: 6, early: 1, kickIn: 2, nulls: TWO_NULLS },
    ...{ tunedOn: 'birds', arms: FACES_ARMS },
  },
  'birds-224': { ...BIRDS, data: 'data/birds-224', arch: 'resnet50', nulls: TWO_NULLS },
  ...Object.fromEntries(
    AGREEMENTS.filter((percent) => percent !== 95).map((percent) => [
      `birds-${percent}`,
      { ...BIRDS, data: `data/birds-${percent}`, tunedOn: 'birds', arms: 'best' },
    ]),
  ),
};

/** ImageNet weights. */
export function weightsOf(arch) {
  return `data/weights/${arch}.safetensors`;
}

export const MINORITIES = [1, 2];
const RESULTS = join('docs', 'studies', 'photographs');

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

export function select(rows, wanted) {
  return rows.filter((row) => Object.entries(wanted).every(([key, value]) => row[key] === value));
}

/** `mean [95 % interval]` over models. */
export function meanText(values, decimals, scale = 1) {
  const { mean, interval } = summarizeSeeds(values.map((value) => value * scale));
  const ends = interval === null ? '' : ` [${interval.map((end) => end.toFixed(decimals)).join(', ')}]`;
  return `${mean.toFixed(decimals)}${ends}`;
}

/** Prints a table in Markdown. */
export function printTable(caption, columns, rows) {
  console.log(`\n${caption}\n`);
  console.log(`| ${columns.join(' | ')} |\n| ${columns.map(() => '---').join(' | ')} |`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
}
