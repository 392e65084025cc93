import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DryRun } from '../../src/cli/dryRunText.js';
import { ComputeContext } from '../../src/native/context.js';
import { RunWriter } from '../../src/train/runWriter.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectFailure, failure, spurmem, succeed, trainOptions } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const trace = ['trace', 'unstructured', '--run', out, '--threads', '1', '--null-draws', '2'];

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, out));
});

test('a damaged configuration is named', async () => {
  const config = join(out, 'config.json');
  const whole = await readFile(config);
  await writeFile(config, whole.subarray(0, 40));
  expect(await failure(trace, 'RUN_INVALID')).toContain(`${config} is damaged`);
  await writeFile(config, whole);
});

test('damaged weights are named', async () => {
  const best = join(out, 'checkpoints', 'best.safetensors');
  const whole = await readFile(best);
  await writeFile(best, whole.subarray(0, 100_000));
  expect(await failure(trace, 'WEIGHTS_INVALID')).toContain(`${best} is not a valid safetensors file`);
  await writeFile(best, whole);
});

test('a run that another process writes to is refused at once', async () => {
  await new RunWriter(out, new ComputeContext({ device: 'cpu' })).locked(async () => {
    // No progress is printed: nothing was computed.
    const outcome = await spurmem(trace);
    expectFailure(outcome, 1, `is writing to ${out}. Wait for it to end`);
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a dry run tells what a trace would evaluate and take, and writes nothing', async () => {
  const before = (await readdir(out, { recursive: true })).sort();
  const args = [...trace, '--criteria', 'magnitude', '--top-k', '1,2', '--dry-run'];
  const { stdout } = await succeed([...args, '--json', '--quiet']);
  const told = JSON.parse(stdout) as DryRun;
  // Two sets of neurons, which are the same for every group: for each set three nulls of two draws.
  expect(told).toMatchObject({
    title: `The trace of ${out} would take`,
    settings: { criteria: ['magnitude'], topK: [1, 2], nullDraws: 2, protocol: 'article' },
    images: { measured: 84 },
    steps: [
      { name: 'scores' },
      { name: 'evaluation', evaluations: (1 + 2 * 4) * 84, randomEvaluations: 2 * 3 * 2 * 84 },
    ],
  });
  const [scores] = told.steps;
  expect(scores?.seconds).toBeGreaterThan(0);
  expect(told.seconds).toBeGreaterThan(scores?.seconds as number);
  expect(told.mostSeconds).toBeGreaterThan(told.seconds as number);
  expect(told.peakBytes).toBeGreaterThan(1e7);
  const { stdout: text } = await succeed([...args, '--quiet']);
  expect(text).toContain(
    'evaluation: 756 passes of an image in evaluation, 1,008 at most for random neurons, about',
  );
  expect((await readdir(out, { recursive: true })).sort()).toEqual(before);
});

test('a dry run of figures tells the traces that are missing, models to be trained, and writes nothing', async () => {
  const before = (await readdir(out, { recursive: true })).sort();
  const traced = ['--criteria', 'magnitude', '--samples', '20', '--null-draws', '2', '--threads', '1'];
  const one = ['reproduce', 'fig2', '--run', out, ...traced, '--dry-run'];
  const { stdout } = await succeed([...one, '--json', '--quiet']);
  const told = JSON.parse(stdout) as DryRun;
  expect(told).toMatchObject({
    title: 'Models: 0 with all traces, 1 without, 0 to be trained',
    steps: [{ name: 'scores' }, { name: 'trace: zero, train split', runs: 1 }],
  });
  const [scores, zero] = told.steps;
  // The model as it is, and neurons: 20 examples or more.
  expect(zero?.evaluations).toBeGreaterThan(20);
  expect(zero?.seconds).toBeGreaterThan(0);
  expect(told.seconds).toBeCloseTo((scores?.seconds as number) + (zero?.seconds as number), 9);
  expect(told.mostSeconds).toBeGreaterThan(told.seconds as number);
  expect((await readdir(out, { recursive: true })).sort()).toEqual(before);

  await succeed(one.filter((argument) => argument !== '--dry-run'));
  expect((await succeed([...one, '--quiet'])).stdout).toContain('Time: nothing is missing');

  const fig3 = await succeed(['reproduce', 'fig3', '--run', out, '--threads', '1', '--dry-run', '--quiet']);
  expect(fig3.stdout).toContain('trace: overlap of the criteria: time not told');
  expect(fig3.stdout).not.toContain('nothing is missing');

  const seeds = join(folder, 'seeds');
  const model = ['--data', data, '--arch', 'resnet20', '--epochs', '1', '--seeds', '0,1', '--run', seeds];
  const untrained = await succeed(['reproduce', 'fig3', ...model, '--dry-run', '--threads', '1', '--json']);
  expect(JSON.parse(untrained.stdout)).toMatchObject({
    title: 'Models: 0 with all traces, 0 without, 2 to be trained',
    images: { train: 84 },
    steps: [
      { name: 'erm', runs: 2, epochs: 2 },
      { name: 'traces', runs: 2, seconds: null },
    ],
    seconds: null,
  });
  expect(existsSync(seeds)).toBe(false);
});

test('an option that has no part in the trace is named', async () => {
  const args = [...trace, '--criteria', 'magnitude', '--top-k', '1', '--sigmas', '0.1', '--json'];
  expect((await succeed(args)).stderr).toContain(
    'Warning: --sigmas has no part in zero, which draws no numbers.',
  );
});

test('a dataset that moved is named, and found again by --data', async () => {
  const moved = join(folder, 'moved');
  await rename(data, moved);
  const common = [...trace, '--criteria', 'magnitude', '--top-k', '1'];
  expect(await failure(common, 'DATASET_NOT_FOUND')).toContain(data);
  const { stdout, stderr } = await succeed([...common, '--data', moved, '--json', '--quiet']);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as { kind: string; result: string; entries: unknown[] };
  expect(document.kind).toBe('trace-unstructured');
  expect(document.entries).toHaveLength(4);
  expect(JSON.parse(await readFile(document.result, 'utf8'))).toMatchObject({ entries: document.entries });
});
