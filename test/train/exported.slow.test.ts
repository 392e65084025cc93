import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { gradCam } from '../../src/experiments/gradCam.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { inspectProgram } from '../../src/models/exported/program.js';
import { trainDfr, trainErm, trainFinetune } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { exported } from '../parity/exportedCases.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun, stopIn } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const run = new RunFolder(join(folder, 'erm'));
const recipe = {
  epochs: 2,
  batchSize: 42,
  lr: 1e-3,
  device: 'cpu',
  threads: 1,
  seed: 3,
  keepState: true,
} as const;
let options: ErmOptions;
const said: string[] = [];

beforeAll(async () => {
  await tinyDominoes(data);
  // Of three classes: the head is replaced.
  const { program } = await exported({ network: 'branches', batch: 4, height: 32, width: 16 });
  options = { ...recipe, data, arch: program };
  await trainErm({ ...options, out: run.path, onInfo: (text) => said.push(text) });
}, 120_000);

test('a run keeps its program, whose hash is part of its configuration', async () => {
  const file = await run.readConfig();
  const { program, file: path } = await inspectProgram(run.program);
  expect(file?.config).toMatchObject({ arch: 'branches.pt2', program, numClasses: 2 });
  // What a repeated run starts from.
  expect(file?.environment).toMatchObject({ archPath: options.arch, weightsPath: null });
  expect(file?.config.weights).toMatch(/^[0-9a-f]{64}$/);
  expect(path).toBe(run.program);
  expect(said.slice(1)).toEqual([
    'branches.pt2 starts from the weights in its file, with a new head for 2 classes.',
  ]);
});

test('a run that was stopped in its second epoch ends with the same bits, dropout included', async () => {
  const stopped = new RunFolder(join(folder, 'stopped'));
  await stopIn('epoch 2/2', (stop) => trainErm({ ...options, ...stop, out: stopped.path }));
  await trainErm({ ...options, out: stopped.path, resume: true });
  await expectSameRun(stopped, run);
});

test('it is evaluated, traced and mapped', async () => {
  const { test: ofRun } = JSON.parse(await readFile(run.result('erm'), 'utf8')) as { test: unknown };
  const evaluation = await evaluateRun({ run: run.path, split: 'test', device: 'cpu', threads: 1 });
  expect(evaluation.accuracies).toEqual(ofRun);
  const trace = await traceUnstructured({
    run: run.path,
    criteria: ['gradient', 'magnitude'],
    topK: [1, 2],
    nullDraws: 3,
    device: 'cpu',
    threads: 1,
  });
  expect(trace.entries).toHaveLength(2 * 4 * 2);
  for (const { neurons } of trace.entries) {
    expect(['small', 'large', 'last']).toEqual(expect.arrayContaining(neurons.map(({ layer }) => layer)));
  }
  const layers = await traceStructured({ run: run.path, nullDraws: 3, device: 'cpu', threads: 1 });
  expect(layers.kind).toBe('trace-structured');
  const maps = await gradCam({ run: run.path, samples: 4, layer: 'small', device: 'cpu', threads: 1 });
  expect(maps.layer).toBe('small');
});

test('it is fine-tuned, and its last layer retrained', async () => {
  const from = { from: run.path, device: 'cpu', threads: 1, seed: 1 } as const;
  const { config } = (await run.readConfig()) ?? {};
  for (const [name, train] of Object.entries({
    finetune: (out: string) =>
      trainFinetune({ ...from, out, epochs: 1, batchSize: 42, fraction: 0.1, kickInEpoch: 'selected' }),
    dfr: (out: string) => trainDfr({ ...from, out, draws: 2 }),
  })) {
    const out = join(folder, name);
    await train(out);
    const made = new RunFolder(out);
    expect((await made.readConfig())?.config).toMatchObject({
      arch: 'branches.pt2',
      program: config?.program,
    });
    expect(await readFile(made.program)).toEqual(await readFile(run.program));
  }
});

test('ERM goes on from it with its program', async () => {
  const out = join(folder, 'onward');
  await trainErm({ from: run.path, out, epochs: 1, batchSize: 42, lr: 1e-3, device: 'cpu', threads: 1 });
  const [{ config: own } = {}, { config } = {}] = [
    await new RunFolder(out).readConfig(),
    await run.readConfig(),
  ];
  expect(own).toMatchObject({ arch: 'branches.pt2', program: config?.program });
  expect(own?.weights).not.toBe(config?.weights);
  expect(await readFile(new RunFolder(out).program)).toEqual(await readFile(run.program));
});

test('images of another size, and another program in the folder, are refused', async () => {
  const { program } = await exported({ network: 'branches', mode: 'eval', batch: 2, height: 64, width: 64 });
  const other = { ...options, arch: program, out: join(folder, 'other') };
  // dataset.json says what size; without it, the program's own is the default.
  expect(await failure(trainErm(other), 'USAGE')).toMatchObject({ parameter: 'imageSize' });
  const bare = join(folder, 'bare');
  await cp(data, bare, { recursive: true });
  await rm(join(bare, 'dataset.json'));
  const out = join(folder, 'own-size');
  await trainErm({ ...other, data: bare, out, epochs: 1 });
  expect((await new RunFolder(out).readConfig())?.config.imageSize).toEqual([64, 64]);
  const copy = join(folder, 'copy');
  await cp(run.path, copy, { recursive: true });
  await trainErm({ ...other, imageSize: 64, epochs: 1 });
  await cp(new RunFolder(other.out).program, new RunFolder(copy).program);
  const evaluated = evaluateRun({ run: copy, split: 'val', device: 'cpu' });
  await failure(evaluated, 'MODEL_INVALID', /is not the program that the run was trained with/);
}, 120_000);
