import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { momentsOf } from '../../src/metrics/statistics.js';
import { ROOT } from '../cli/support.js';

/** A mean with its interval: `-3.19 logits [-5.53, -0.85]`. */
const INTERVAL =
  /([-+]?\d+(?:\.\d+)?)(?: (?:%|points|logits))?\s+\[([-+]?\d+(?:\.\d+)?), ([-+]?\d+(?:\.\d+)?)\]/g;

/** Post hoc, from the records in `results/`: no table has them. */
const FROM_RECORDS = [
  ...[
    '1.78 [1.39, 2.17]',
    '-2.04 [-2.66, -1.41]',
    '-0.82 [-2.03, 0.40]',
    '17.9 [3.8, 32.1]',
    '-1.6 [-10.7, 7.6]',
  ],
  ...[
    '-0.4 [-4.1, 3.2]',
    '+1.1 [-2.7, 4.9]',
    '-0.46 [-0.62, -0.29]',
    '+0.33 [0.16, 0.50]',
    '-0.69 [-0.99, -0.39]',
  ],
  ...['-0.80 [-1.09, -0.51]', '-0.09 [-0.49, 0.32]', '23.2 [17.7, 28.7]'],
];

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const intervalsOf = (text: string): string[][] =>
  [...text.matchAll(INTERVAL)].map((found) => found.slice(1, 4));

const tables = readdirSync(join(ROOT, 'studies'))
  .flatMap((study) => readdirSync(join(ROOT, 'studies', study)).map((file) => join('studies', study, file)))
  .filter((path) => path.endsWith('.md') && !path.endsWith('plan.md'))
  .flatMap((path) => intervalsOf(read(path)).map((numbers) => numbers.map(Number)));

/** Memorization by group in points over models and images, of which tables have the models' part: mean and normal 95 % interval. */
const overBoth = ['celeba', 'birds'].flatMap((data, at) => {
  const rows = parse<Record<string, string>>(read(`studies/memorization/results/${data}-memorization.csv`), {
    columns: true,
  });
  const ofModels = [...read('studies/memorization/tables.md').matchAll(/^\| ERM \| G(\d) \(.*$/gm)].slice(
    4 * at,
  );
  return [0, 1, 2, 3].map((group) => {
    const own = rows.filter((row) => Number(row.group) === group);
    const { variance, count } = momentsOf(own.map((row) => 100 * Number(row.memorization)));
    const [mean = 0, low = 0, high = 0] = (intervalsOf(ofModels[group]?.[0] ?? '')[2] ?? []).map(Number);
    // Student's t of 20 models.
    const half = 1.96 * Math.hypot(Math.sqrt(variance / count), (high - low) / 2 / 2.093);
    return [mean, mean - half, mean + half];
  });
});

/** Whether a table has these numbers, rounded as they are or less; a page may turn a loss's sign. */
function isInTables(numbers: readonly string[]): boolean {
  const [mean = 0, low = 0, high = 0] = numbers.map(Number);
  const slack = numbers.map((number) => 0.5 * 10 ** -(number.split('.')[1]?.length ?? 0) + 6e-4);
  return [
    [mean, low, high],
    [-mean, -high, -low],
  ].some((wanted) =>
    [...tables, ...overBoth].some((row) =>
      row.every((value, i) => Math.abs(value - (wanted[i] ?? 0)) <= (slack[i] ?? 0)),
    ),
  );
}

const pages = readdirSync(join(ROOT, 'docs')).filter(
  // The toy benchmark is no study.
  (file) => file.startsWith('findings') && !file.endsWith('toy.md'),
);

// A table between marks is made of records (`npm run docs`).
const text = (path: string): string => read(path).replace(/<!-- \w+: [\s\S]*?<!-- end -->/g, '');

test.each(['README.md', 'REPLICATION.md', ...pages.map((page) => join('docs', page))])(
  'intervals of %s are those of the tables',
  (path) => {
    const missing = intervalsOf(text(path))
      .filter((numbers) => !isInTables(numbers))
      .map(([mean, low, high]) => `${mean ?? ''} [${low ?? ''}, ${high ?? ''}]`);
    expect(missing.filter((interval) => !FROM_RECORDS.includes(interval))).toEqual([]);
  },
);

test('a number that no table has is found out', () => {
  expect(intervalsOf('is -3.19 logits [-5.53, -0.85], or 1.2 [0.1, 2.3]')).toEqual([
    ['-3.19', '-5.53', '-0.85'],
    ['1.2', '0.1', '2.3'],
  ]);
  expect([isInTables(['-3.19', '-5.53', '-0.85']), isInTables(['-3.29', '-5.53', '-0.85'])]).toEqual([
    true,
    false,
  ]);
});
