import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { imagesSchema } from '../../src/train/imageRecord.js';
import { trainDfr, trainErm, trainFinetune, trainJtt } from '../../src/train/methods.js';
import type { TrainingResult } from '../../src/train/results.js';
import { readRunData, trainedOn } from '../../src/train/runData.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { builtRuns } from './support.js';

const runs = builtRuns();
const half = (): string => join(runs.folder, 'half');
let trained: TrainingResult;

beforeAll(async () => {
  trained = await trainErm({ ...runs.base, out: half(), leaveOut: 0.5, trackImages: true });
});

test('a share of each group, rounded down, is left out by the seed alone, each image equally often', async () => {
  const dataset = await loadDataset(runs.base.data);
  const { counts, splits, groups } = dataset;
  const kept = (leaveOut: number, seed: number): number[] => [
    ...trainedOn(dataset, { leaveOut, seed }).splits.train,
  ];
  expect(trainedOn(dataset, { leaveOut: undefined, seed: 0 })).toBe(dataset);
  for (const share of [0.3, 0.5, 0.99]) {
    const left = trainedOn(dataset, { leaveOut: share, seed: 1 });
    const numbers = counts.train.map((size) => size - Math.floor(share * size));
    expect(left.counts.train).toEqual(numbers);
    const ofGroup = numbers.map((_, group) => left.splits.train.filter((index) => groups[index] === group));
    expect(ofGroup.map(({ length }) => length)).toEqual(numbers);
    expect(left.splits.val).toBe(splits.val);
    expect(trainedOn(left, { leaveOut: share, seed: 1 })).toEqual(left);
  }
  expect(kept(0.5, 1)).not.toEqual(kept(0.5, 2));
  const draws = 400;
  const times = new Map([...splits.train].map((index) => [index, 0]));
  for (let seed = 0; seed < draws; seed += 1)
    for (const index of kept(0.5, seed)) times.set(index, (times.get(index) ?? 0) + 1);
  // Five standard deviations of a binomial count.
  for (const [index, number] of times) {
    const size = counts.train[groups[index] as number] as number;
    const share = 1 - Math.floor(size / 2) / size;
    expect(Math.abs(number - share * draws)).toBeLessThan(5 * Math.sqrt(draws * share * (1 - share)));
  }
});

test('a run trains, is judged and is traced on the images that it kept; rows say which', async () => {
  const { seed = 0, data } = runs.base;
  const run = new RunFolder(half());
  const dataset = await loadDataset(data);
  const own = trainedOn(dataset, { leaveOut: 0.5, seed });
  const names = Array.from(own.splits.train, (index) => dataset.examples[index]?.filename);
  expect((await run.readConfig())?.config.leaveOut).toBe(0.5);
  expect(trained.train.total).toEqual(own.counts.train);
  expect((await readRunData(await openRun(half()))).counts.train).toEqual(own.counts.train);
  const [epoch] = await run.readMetrics();
  expect(epoch?.train.total).toEqual(own.counts.train);
  expect((await run.readResult('images', imagesSchema))?.rows.map(({ file }) => file)).toEqual(names);

  const { accuracies, rows = [] } = await evaluateRun({ run: half(), split: 'train', rows: true });
  expect(accuracies).toEqual(trained.train);
  expect(rows).toHaveLength(dataset.splits.train.length);
  expect(rows.filter((row) => row.trained === true).map(({ file }) => file)).toEqual(names);
  const whole = await evaluateRun({ run: half(), rows: true });
  expect(whole.rows?.filter(({ trained }) => trained === true)).toHaveLength(names.length);
  const ofAll = await evaluateRun({ run: runs.base.out, split: 'train', rows: true });
  expect(ofAll.rows?.every((row) => !('trained' in row))).toBe(true);

  const { baseline } = await traceUnstructured({ run: half(), topK: [1], nullDraws: 0 });
  expect(baseline.total.every((total, group) => total <= (own.counts.train[group] as number))).toBe(true);
});

test('the identification model of JTT leaves out the same images', async () => {
  const out = join(runs.folder, 'jtt');
  await trainJtt({ ...runs.base, out, epochs: 1, identificationEpochs: 1, upweight: 2, leaveOut: 0.5 });
  const [own, identification] = await Promise.all(
    [out, join(out, 'identification')].map(async (path) => readRunData(await openRun(path))),
  );
  expect(identification?.counts).toEqual(own?.counts);
});

test('a group too small for the share is refused before training, and runs that would see left-out images', async () => {
  const { counts } = await loadDataset(runs.base.data);
  const size = Math.min(...counts.train);
  const group = counts.train.indexOf(size);
  const least = Math.ceil(1000 / size) / 1000;
  const out = join(runs.folder, 'refused');
  await runs.refusal(
    { out, leaveOut: 0.5 / size },
    'USAGE',
    `group ${group} (`,
    `has ${size} training images`,
    `The smallest share that works is ${least}.`,
  );
  const dataset = await loadDataset(runs.base.data);
  expect(() => trainedOn(dataset, { leaveOut: least, seed: 0 })).not.toThrow();
  for (let many = 2; many < 3000; many += 1)
    expect(Math.floor((Math.ceil(1000 / many) / 1000) * many)).toBeGreaterThan(0);
  const from = { from: half(), out, device: 'cpu', threads: 1 } as const;
  for (const job of [() => trainFinetune(from), () => trainDfr(from), () => trainErm(from)])
    await failure(job(), 'USAGE', 'left images out of training (`leaveOut` 0.5)');
  await failure(trainErm({ ...from, from: runs.base.out, leaveOut: 0.5 }), 'USAGE', '`leaveOut` is 0.5');
  await failure(trainErm({ ...runs.base, out, leaveOut: 1 }), 'USAGE', '`leaveOut` is 1');
});
