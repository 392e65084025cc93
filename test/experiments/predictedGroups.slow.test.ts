import { existsSync } from 'node:fs';
import { copyFile, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { type Example, loadDataset } from '../../src/data/dataset.js';
import { parseColumns } from '../../src/data/layouts/tables.js';
import { predictGroups } from '../../src/experiments/predictedGroups.js';
import { compareRuns } from '../../src/experiments/runs/compareRuns.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluate } from '../../src/metrics/evaluate.js';
import { writeReport } from '../../src/report/writeReport.js';
import { trainDfr, trainErm, trainFinetune } from '../../src/train/methods.js';
import { openRun } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'garments');
const run = join(folder, 'identification');
const common = { device: 'cpu', threads: 1 };
const columns = { filename: 'path', y: 'label', split: 'fold' };
const settings = { arch: 'resnet20', epochs: 9, batchSize: 16, lr: 1e-3, select: 'last' } as const;

/**
 * The dominoes as a dataset whose table tells nothing of the digits. Some training images are there five times, once as the other
 * class: a model that learns them by heart still errs in each class. Validation and test have every image as either class.
 */
beforeAll(async () => {
  const { examples, splits, preprocessing } = await tinyDominoes(data);
  const nameOf = (y: number): string => (y === 0 ? 'pullover' : 'coat');
  const rows = examples.map(({ filename, y, split }) => [filename, nameOf(y), split].join());
  const train = [...splits.train].map((index) => examples[index] as Example);
  const held = [...splits.val, ...splits.test].map((index) => examples[index] as Example);
  const copies = [
    ...[...train.slice(0, 4), ...train.slice(-4)].map((of) => ({ of, flips: [0, 0, 0, 1] })),
    ...held.map((of) => ({ of, flips: [1] })),
  ];
  for (const { of, flips } of copies) {
    for (const [i, flip] of flips.entries()) {
      const copy = of.filename.replace('.png', `-${i}.png`);
      await copyFile(join(data, of.filename), join(data, copy));
      rows.push([copy, nameOf(flip === 1 ? 1 - of.y : of.y), of.split].join());
    }
  }
  for (const file of ['metadata.csv', 'dominoes.json']) await rm(join(data, file));
  await writeFile(join(data, 'garments.csv'), ['path,label,fold', ...rows, ''].join('\n'));
  // Names of the folder’s own attribute, which is none of what a model predicts.
  const spuriousNames = ['digit 0', 'digit 1'];
  await writeFile(join(data, 'dataset.json'), JSON.stringify({ preprocessing, spuriousNames }));
  await trainErm({ ...common, ...settings, data, out: run, datasetOptions: { columns } });
});

test('a table without a spurious attribute has classes as groups', async () => {
  const dataset = await loadDataset(data, { columns });
  expect(dataset).toMatchObject({
    groupNames: ['coat', 'pullover'],
    numSpurious: 1,
    minorityGroups: [],
    options: { format: 'csv', table: 'garments.csv', columns },
  });
  expect(dataset.groups).toEqual(dataset.labels);
  const trace = await traceUnstructured({ ...common, run, criteria: ['gradient'], topK: [1], nullDraws: 2 });
  expect(trace.entries.map(({ group }) => group)).toEqual([0, 1]);
  expect(await readFile(await writeReport({ run }), 'utf8')).toContain('pullover');
});

test('its groups are each class, parted by whether the run predicts an image right', async () => {
  const warnings: string[] = [];
  const found = await predictGroups({ ...common, run, onWarning: (text) => warnings.push(text) });
  expect(found).toMatchObject({
    table: 'groups/identification.csv',
    columns: 'filename=filename,y=y,split=split,a=a',
  });
  const { dataset } = found;
  expect(dataset.groupNames).toEqual(['coat, right', 'coat, wrong', 'pullover, right', 'pullover, wrong']);
  // Another way to the predictions: those of a session, split by split.
  using session = await TraceSession.open({ ...common, run });
  const { model, loader } = session;
  for (const split of ['train', 'val', 'test'] as const) {
    const indices = session.dataset.splits[split];
    const { predictions } = await evaluate(model, loader, indices, { batchSize: 7, task: 'alone' });
    const expected = [...indices].map((index, i) => {
      const label = session.dataset.labels[index] as number;
      return 2 * label + Number(predictions[i] !== label);
    });
    expect([...indices].map((index) => dataset.groups[index])).toEqual(expected);
  }
  const rows = parse(await readFile(join(data, found.table)));
  expect(rows).toHaveLength(1 + session.dataset.examples.length);
  expect(warnings).toEqual([]);

  // Trained on as any other: the dataset is found by the options that are told.
  const grouped = join(folder, 'grouped');
  const datasetOptions = { table: found.table, columns: parseColumns(found.columns) };
  await trainErm({ ...common, ...settings, epochs: 1, data, out: grouped, datasetOptions });
  const asked = { criteria: ['gradient'], topK: [1], nullDraws: 0 } as const;
  const trace = await traceUnstructured({ ...common, ...asked, run: grouped });
  expect(trace.entries.map(({ group }) => group)).toEqual([0, 1, 2, 3]);
  const finetuned = join(folder, 'finetuned');
  const { test } = await trainFinetune({ ...common, from: grouped, out: finetuned, epochs: 1 });
  expect(test.accuracy).toHaveLength(4);

  // A repair of the run that found them: its images and classes are those of the table, and the start is measured by the new groups.
  const repair = { ...common, from: run, out: join(folder, 'repaired'), draws: 2 };
  const repaired = await trainDfr({ ...repair, datasetOptions });
  expect(repaired.before?.test.correct).toEqual(
    dataset.counts.test.map((count, group) => (group % 2 === 0 ? count : 0)),
  );
  const recorded = (await openRun(repair.out)).config.dataset;
  expect(recorded.fingerprint).toBe((await loadDataset(data, datasetOptions)).fingerprint);
  const page = await readFile(await writeReport({ run: repair.out }), 'utf8');
  expect(page).toMatch(/Before and after[^]*coat, wrong/);
  await failure(compareRuns([run, repair.out]), 'DATASET_INVALID');
  await trainDfr({ ...repair, datasetOptions, resume: true });
  // Not with other training images.
  const table = await readFile(join(data, found.table), 'utf8');
  await writeFile(join(data, 'moved.csv'), table.replace(',train,', ',val,'));
  const moved = trainDfr({
    ...repair,
    out: join(folder, 'moved'),
    datasetOptions: { ...datasetOptions, table: 'moved.csv' },
  });
  expect((await failure(moved, 'DATASET_INVALID')).message).toMatch(/was trained on.*same training images/s);

  const { message } = await failure(predictGroups({ ...common, run }), 'OUTPUT_UNWRITABLE');
  expect(message).toContain('Name another file as `table`');
  const outside = predictGroups({ ...common, run, table: '../outside.csv' });
  expect(await failure(outside, 'USAGE')).toMatchObject({ parameter: 'table' });
  expect(existsSync(join(folder, 'outside.csv'))).toBe(false);
});
