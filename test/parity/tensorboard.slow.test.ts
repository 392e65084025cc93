import { appendFile, cp, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { readStudy } from '../../src/study/document.js';
import { StudyRunner } from '../../src/study/runner.js';
import { trainErm, trainFinetune } from '../../src/train/methods.js';
import type { EpochMetrics } from '../../src/train/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { builtRuns, stopIn } from '../train/support.js';
import { reference } from './python.js';

const boardSchema = z.object({
  scalars: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))),
  settings: z.record(z.string(), z.unknown()),
  ended: z.boolean(),
});
type Board = z.infer<typeof boardSchema>;
const readSchema = z.object({
  runs: z.record(z.string(), boardSchema),
  settings: z.object({ hparams: z.array(z.string()), metrics: z.array(z.string()) }),
});

const runs = builtRuns();
const { folder } = runs;
const NAME = 'events.out.tfevents.0.spurmem';
const GROUPS = ['pullover, digit 1', 'pullover, digit 0', 'coat, digit 1', 'coat, digit 0'];

/** Debian has no TensorBoard: there the files are written, and what is read is not looked at. */
function read(below: string): z.infer<typeof readSchema> | undefined {
  const found = readSchema.nullable().parse(JSON.parse(reference('event_files', { folder: below })));
  if (!found) console.log('TensorBoard is not installed');
  return found ?? undefined;
}

/** The board of a run's folder, which is there wherever TensorBoard is. */
function boardIn(below: string): Board | undefined {
  const found = read(below);
  expect(Object.keys(found?.runs ?? {})).toEqual(found ? ['tensorboard'] : []);
  return found?.runs.tensorboard;
}

/** A split's accuracies as the board must show them: each tag's value in an epoch. */
function accuracyTags(split: 'train' | 'val'): [string, (metrics: EpochMetrics) => number | undefined][] {
  return [
    [`${split}/worst group`, (metrics) => metrics[split].worstGroupAccuracy],
    [`${split}/average`, (metrics) => metrics[split].average],
    ...names.map((name, group): [string, (metrics: EpochMetrics) => number | undefined] => [
      `${split}/${name}`,
      (metrics) => metrics[split].accuracy[group],
    ]),
  ];
}

let names: readonly string[] = [];

/** TensorBoard's values are the measurements to the last bit of float32, each epoch once. */
async function expectBoard(board: Board | undefined, run: RunFolder): Promise<void> {
  if (!board) return;
  const epochs = await run.readMetrics();
  expect(epochs.length).toBeGreaterThan(0);
  const wanted: [string, (metrics: EpochMetrics) => number | undefined][] = [
    ['loss/train', ({ trainLoss }) => trainLoss],
    ['loss/val', ({ valLoss }) => valLoss],
    ['lr', ({ lr }) => lr],
    ...accuracyTags('train'),
    ...accuracyTags('val'),
  ];
  let most = 0;
  for (const [tag, valueOf] of wanted) {
    const values = epochs.map((metrics) => [metrics.epoch, Math.fround(valueOf(metrics) ?? Number.NaN)]);
    expect([tag, board.scalars[tag]]).toEqual([tag, values]);
    most = Math.max(
      most,
      ...epochs.map((metrics, i) => Math.abs((valueOf(metrics) ?? 0) - (board.scalars[tag]?.[i]?.[1] ?? 9))),
    );
  }
  console.log(
    `parity: ${wanted.length} curves of ${epochs.length} epochs, equal in float32; from float64 at most ${most}`,
  );
  const speeds = board.scalars['images a second']?.map(([, value]) => value) ?? [];
  const images = epochs.map(({ train, val }) => [...train.total, ...val.total].reduce((a, b) => a + b, 0));
  expect(speeds).toEqual(epochs.map(({ seconds }, i) => Math.fround((images[i] as number) / seconds)));
  const test = (await run.readTrainingResult())?.test;
  expect(board.scalars['test/worst group']).toEqual([
    [epochs.length, Math.fround(test?.worstGroupAccuracy ?? -1)],
  ]);
  expect(board.ended).toBe(true);
}

beforeAll(async () => {
  names = (await runs.reference.readData())?.groupNames ?? [];
  expect([...names].sort()).toEqual([...GROUPS].sort());
});

test('a run has its curves and settings', async () => {
  const out = join(folder, 'curves');
  await trainErm({ ...runs.base, out, tensorboard: true });
  const board = boardIn(out);
  await expectBoard(board, new RunFolder(out));
  if (!board) return;
  expect(board.settings).toMatchObject({
    arch: 'resnet20',
    lr: 1e-3,
    seed: 3,
    command: 'train erm',
    epochs: 2,
  });
});

test('a run that was stopped, and one whose last event was cut off, go on without a step twice', async () => {
  const out = join(folder, 'stopped');
  const options = { ...runs.base, out, tensorboard: true } as const;
  await stopIn('epoch 2/2', (control) => trainErm({ ...options, ...control }));
  const path = join(out, 'tensorboard', NAME);
  await appendFile(path, (await readFile(path)).subarray(0, 40));
  await trainErm({ ...options, resume: true });
  await expectBoard(boardIn(out), new RunFolder(out));

  const { ino, size } = await stat(path);
  await truncate(path, size - 10);
  await trainErm({ ...options, resume: true });
  await expectBoard(boardIn(out), new RunFolder(out));
  // TensorBoard may have it open, and have read until there.
  expect(await stat(path)).toMatchObject({ ino, size });
});

test('a run that had no board before has all its epochs, also longer ones', async () => {
  const copy = await runs.copyOf('longer');
  await trainErm({ ...runs.base, out: copy.path, epochs: 3, resume: true, tensorboard: true });
  await expectBoard(boardIn(copy.path), copy);
});

test('fine-tuning has the parts of its loss and the share of masked neurons', async () => {
  const out = join(folder, 'finetuned');
  const settings = { epochs: 1, batchSize: 30, lr: 1e-3, fraction: 0.006, kickInEpoch: 'selected' } as const;
  const { device, threads } = runs.base;
  await trainFinetune({ from: runs.reference.path, out, ...settings, device, threads, tensorboard: true });
  const board = boardIn(out);
  await expectBoard(board, new RunFolder(out));
  const [metrics] = await new RunFolder(out).readMetrics();
  expect(metrics?.mask).toMatchObject({ count: 5, total: 784 });
  if (!board) return;
  expect(board.scalars['masked neurons/share']).toEqual([[1, Math.fround(5 / 784)]]);
  expect(board.scalars['loss/contrast']).toEqual([[1, Math.fround(metrics?.lossTerms?.contrast ?? -1)]]);
});

test('a study\u2019s runs lie next to one another, and are compared by the settings', async () => {
  const file = join(folder, 'study.yaml');
  const { arch, batchSize, device, threads } = runs.base;
  await writeFile(
    file,
    `title: Rates\nruns: ${join(folder, 'study')}\nseeds: [0, 1]\ndata: { dominoes: { path: ${String(runs.base.data)} } }\n` +
      `settings: { all: { arch: ${arch ?? ''}, batchSize: ${batchSize ?? 0}, epochs: 1 } }\n` +
      'arms: { erm: { grid: { lr: [0.001, 0.01] } } }\n',
  );
  const tensorboard = join(folder, 'boards');
  const runner = new StudyRunner(await readStudy(file), { device, threads, tensorboard });
  const jobs = await runner.jobs();
  for (const { index } of jobs) await runner.run(index);
  const found = read(tensorboard);
  for (const job of jobs) {
    if (job.kind !== 'train') continue;
    const { out = '', settings, seed } = job;
    const board = found?.runs[relative('/', out)];
    expect(board === undefined).toBe(found === undefined);
    await expectBoard(board, new RunFolder(out));
    if (board) expect(board.settings).toMatchObject({ lr: settings?.lr, seed });
  }
  if (!found) return;
  expect(Object.keys(found.runs)).toHaveLength(4);
  expect(found.settings.hparams).toEqual(expect.arrayContaining(['lr', 'seed', 'arch']));
  expect(found.settings.metrics).toEqual(expect.arrayContaining(['test/worst group', 'loss/val']));
});

test('the board of an earlier run in that folder is replaced', async () => {
  const out = join(folder, 'new');
  await cp(join(folder, 'curves', 'tensorboard'), join(out, 'tensorboard'), { recursive: true });
  await trainErm({ ...runs.base, out, epochs: 1, tensorboard: true });
  await expectBoard(boardIn(out), new RunFolder(out));
});
