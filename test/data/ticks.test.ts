import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset, requireGroups } from '../../src/data/dataset.js';
import { ticksLine, ticksWarnings } from '../../src/data/ticks.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { failure } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const ticks = join(folder, 'ticks.csv');
let paths: string[];
beforeAll(async () => {
  const dataset = await tinyDominoes(data);
  paths = [...dataset.splits.val].map((index) => dataset.examples[index]?.filename ?? '');
});

const write = (...lines: string[]) => writeFile(ticks, ['path,class,ticked,name', ...lines, ''].join('\n'));

test('ticked images of a class are a group, all others of it another; the splits stay', async () => {
  await write(`${paths[0]},x,1,digit`, `${paths[1]},x,0,digit`, `${paths[9]},x,yes,digit`);
  const plain = await loadDataset(data);
  const dataset = await loadDataset(data, { ticks });
  const { targetNames } = plain;
  expect(dataset).toMatchObject({
    spuriousNames: ['not ticked', 'digit'],
    groupNames: targetNames.flatMap((name) => [`${name}, not ticked`, `${name}, digit`]),
    splits: plain.splits,
    labels: plain.labels,
    counts: { train: [48, 0, 36, 0], val: [7, 1, 7, 1], test: [8, 0, 8, 0] },
    minorityGroups: [1, 3],
  });
  expect(ticksLine(dataset)).toMatch(/pullover, digit: 0 train, 1 val, 0 test; coat, digit: 0 train, 1 val/);
  expect(ticksLine(plain)).toBeUndefined();
  requireGroups(dataset, ['val']);
  expect(() => {
    requireGroups(dataset, ['train']);
  }).toThrow(/no image of the split train is ticked/);
  // What is ticked is a part of the data's identity, and the options that were resolved read the same again.
  expect(dataset.fingerprint).not.toBe(plain.fingerprint);
  expect((await loadDataset(data, dataset.options)).fingerprint).toBe(dataset.fingerprint);
  await write(`${paths[0]},x,1,digit`);
  const other = await loadDataset(data, { ticks });
  expect(other.fingerprint).not.toBe(dataset.fingerprint);
  // A class without ticks has one group, of which nothing is asked.
  requireGroups(other, ['val']);
});

test('a repair says which classes it may harm: without ticks, with few, with far more wrong images', async () => {
  await write(`${paths[0]},x,1,digit`, `${paths[1]},x,1,digit`);
  const dataset = await loadDataset(data, { ticks });
  const warnings = (...wrong: readonly number[]): string => ticksWarnings(dataset, wrong).join('\n');
  expect(warnings(0, 0)).toMatch(
    /^pullover has 2 ticked validation images: fewer than 10 .*\nNo validation image of coat is ticked: .* coat may pay for it/,
  );
  expect(warnings(10, 0)).not.toMatch(/turn the shortcut around/);
  expect(warnings(11, 0)).toMatch(
    /11 validation images of pullover are wrong, and 2 are ticked: .* turn the shortcut around/,
  );
  const many = { ...dataset, counts: { ...dataset.counts, val: [0, 10, 0, 12] } };
  expect(ticksWarnings(many, [50, 60])).toEqual([]);
  expect(ticksWarnings(await loadDataset(data), [50, 50])).toEqual([]);
});

test('images that are held out stay held out', async () => {
  const plain = await loadDataset(data, {
    format: 'csv',
    table: 'metadata.csv',
    columns: COLUMNS,
    heldOut: 0.2,
  });
  const [first = 0] = plain.splits.val;
  await write(`${plain.examples[first]?.filename},x,1,`);
  const dataset = await loadDataset(data, { ...plain.options, ticks });
  expect(dataset.splits).toEqual(plain.splits);
  expect(dataset.spuriousNames).toEqual(['not ticked', 'ticked']);
});

/** Without a split, so that all images are for training. */
const COLUMNS = { filename: 'img_filename', y: 'y', a: 'place' };

test.each([
  [
    'an unknown image',
    ['missing.png,x,1,'],
    /ticks\.csv:2: path: "missing\.png" is no image of .*Remove the row/s,
  ],
  ['neither yes nor no', ['$0,x,1,', '$1,x,maybe,'], /ticks\.csv:3: ticked: "maybe" is neither 1 nor 0/],
  ['no ticks', ['$0,x,0,'], /no image is ticked/],
  [
    'an image that is ticked and not',
    ['$0,x,1,', '$1,x,1,', '$0,x,0,'],
    /ticks\.csv:4: path: ".*" is ticked in one row, and not in another\. Remove one of them/,
  ],
  ['a long name', [`$0,x,1,${'a'.repeat(201)}`], /ticks\.csv:2: name: it has 201 characters/],
  ['a name of two lines', ['$0,x,1,"a\nb"'], /ticks\.csv:3: name: it has control characters/],
])('%s is reported', async (_what, lines, message) => {
  await write(...lines.map((line) => line.replace(/\$(\d)/, (_, at: string) => paths[Number(at)] ?? '')));
  expect((await failure(loadDataset(data, { ticks }), 'DATASET_INVALID')).message).toMatch(message);
});

test('a missing table, and one without its columns', async () => {
  const missing = await failure(loadDataset(data, { ticks: '/nowhere.csv' }), 'USAGE');
  expect(missing).toMatchObject({ parameter: 'ticks', value: '/nowhere.csv' });
  expect(missing.message).toMatch(/nowhere\.csv: the table of ticks is missing/);
  await writeFile(ticks, 'image,tick\na,1\n');
  const { message } = await failure(loadDataset(data, { ticks }), 'DATASET_INVALID');
  expect(message).toMatch(/ticks\.csv:1: a table of ticks has the columns path and ticked/);
});

test('dataset.json cannot name a table outside of the folder', async () => {
  const path = join(data, 'dataset.json');
  const described = JSON.parse(await readFile(path, 'utf8')) as object;
  await write(`${paths[0]},x,1,digit`);
  await copyFile(ticks, join(data, 'own.csv'));
  const describe = (named: string) => writeFile(path, JSON.stringify({ ...described, ticks: named }));
  for (const [outside, problem] of [
    [ticks, 'is an absolute path outside'],
    ['../ticks.csv', 'climbs out of'],
  ] as const) {
    await describe(outside);
    await failure(loadDataset(data), 'DATASET_INVALID', 'dataset.json', 'ticks', problem);
  }
  await describe('own.csv');
  expect((await loadDataset(data)).spuriousNames).toEqual(['not ticked', 'digit']);
  await writeFile(path, JSON.stringify(described));
});
