import { existsSync } from 'node:fs';
import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part1DryRun } from '../../src/cli/part1DryRun.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectFailure, failure, spurmem, succeed, trainOptions } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const out = join(folder, 'run');
const trace = ['trace', 'unstructured', '--run', out, '--threads', '1', '--controls', '2'];

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
  await new RunFolder(out).locked(async () => {
    // No progress is printed: nothing was computed.
    const outcome = await spurmem(trace);
    expectFailure(outcome, 1, `is writing to ${out}. Wait for it to end`);
    expect(outcome.stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});

test('a dry run tells what a trace would evaluate and take, and writes nothing', async () => {
  const before = (await readdir(out, { recursive: true })).sort();
  const args = [...trace, '--criterion', 'magnitude', '--top-k', '1,2', '--dry-run'];
  const { stdout } = await succeed([...args, '--json', '--quiet']);
  const told = JSON.parse(stdout) as Record<string, number>;
  // Two sets of neurons, which are the same for every group: for each set three nulls of two draws.
  expect(told).toMatchObject({
    run: out,
    examples: 84,
    evaluations: (1 + 2 * 4) * 84,
    randomEvaluations: 2 * 3 * 2 * 84,
    settings: { criteria: ['magnitude'], topK: [1, 2], controls: 2, protocol: 'article' },
  });
  const { secondsOfScores = Number.NaN, seconds = Number.NaN, mostSeconds, peakBytes } = told;
  expect(secondsOfScores).toBeGreaterThan(0);
  expect(seconds).toBeGreaterThan(secondsOfScores);
  expect(mostSeconds).toBeGreaterThan(seconds);
  expect(peakBytes).toBeGreaterThan(1e7);
  const { stdout: text } = await succeed([...args, '--quiet']);
  expect(text).toContain(
    'Evaluation: 756 passes of an image for the chosen neurons, at most 1,008 for random ones',
  );
  expect((await readdir(out, { recursive: true })).sort()).toEqual(before);
});

test('a dry run of figures tells the traces that are missing, models to be trained, and writes nothing', async () => {
  const before = (await readdir(out, { recursive: true })).sort();
  const traced = ['--criterion', 'magnitude', '--samples', '20', '--controls', '2', '--threads', '1'];
  const one = ['reproduce', 'fig2', '--run', out, ...traced, '--dry-run'];
  const { stdout } = await succeed([...one, '--json', '--quiet']);
  const told = JSON.parse(stdout) as Part1DryRun;
  expect(told).toMatchObject({
    models: { finished: 0, open: 1, untrained: 0 },
    training: null,
    traces: { run: out, evaluated: [{ step: 'trace: zero, train split' }], others: [] },
  });
  const [zero] = told.traces?.evaluated ?? [];
  expect(zero?.evaluations).toBeGreaterThan(zero?.examples as number);
  expect(zero?.seconds).toBeGreaterThan(0);
  expect(told.seconds).toBeCloseTo((told.traces?.secondsOfScores as number) + (zero?.seconds as number), 9);
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
    models: { finished: 0, open: 0, untrained: 2 },
    traces: null,
    seconds: null,
    training: { images: { train: 84 } },
  });
  expect(existsSync(seeds)).toBe(false);
});

test('an option that has no part in the trace is named', async () => {
  const args = [...trace, '--criterion', 'magnitude', '--top-k', '1', '--sigma', '0.1', '--json'];
  expect((await succeed(args)).stderr).toContain(
    'Warning: --sigma has no part in zero, which draws no numbers.',
  );
});

test('a dataset that moved is named, and found again by --data', async () => {
  const moved = join(folder, 'moved');
  await rename(data, moved);
  const common = [...trace, '--criterion', 'magnitude', '--top-k', '1'];
  expect(await failure(common, 'DATASET_NOT_FOUND')).toContain(data);
  const { stdout, stderr } = await succeed([...common, '--data', moved, '--json', '--quiet']);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as { kind: string; result: string; entries: unknown[] };
  expect(document.kind).toBe('trace-unstructured');
  expect(document.entries).toHaveLength(4);
  expect(JSON.parse(await readFile(document.result, 'utf8'))).toMatchObject({ entries: document.entries });
});
