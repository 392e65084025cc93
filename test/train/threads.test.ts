import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { native } from '../../src/native/addon.js';
import { openEngine } from '../../src/native/engine.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { builtRuns, expectSameRun, stopIn } from './support.js';

const runs = builtRuns();

test('a job with other threads than one at work is refused, and that one computes as it does alone', async () => {
  const out = join(runs.folder, 'meanwhile');
  const refused: Promise<unknown>[] = [];
  await trainErm({
    ...runs.base,
    out,
    onEpoch: () => {
      // In the last epoch it could find that job at its end.
      if (refused.length > 0) return;
      const other = { ...runs.base, out: join(runs.folder, 'refused'), threads: 2 };
      refused.push(
        failure(
          trainErm(other),
          'USAGE',
          '`threads` is 2, and another job of this process computes with 1',
          'start another process',
        ),
      );
    },
  });
  expect(refused).toHaveLength(1);
  await Promise.all(refused);
  const run = new RunFolder(out);
  await expectSameRun(run, runs.reference);
  expect((await run.readConfig())?.environment.threads).toBe(1);
});

test('other numerics are refused as well, and the same ones are not', async () => {
  using _context = await openEngine({ device: 'cpu', threads: 1 });
  const { path: run } = runs.reference;
  await failure(
    evaluateRun({ run, threads: 1, float32MatmulPrecision: 'medium' }),
    'USAGE',
    '`float32MatmulPrecision` is medium, and another job of this process computes with highest',
  );
  expect((await evaluateRun({ run, threads: 1 })).split).toBe('test');
});

test('once it has ended, however it did, others may compute otherwise', async () => {
  const { path: run } = runs.reference;
  await stopIn('epoch 1/2', (options) =>
    trainErm({ ...runs.base, ...options, out: join(runs.folder, 'stopped') }),
  );
  await failure(evaluateRun({ run: join(runs.folder, 'nowhere'), threads: 1 }), 'RUN_NOT_FOUND');
  await failure(evaluateRun({ run, threads: 1, data: join(runs.folder, 'nowhere') }), 'DATASET_NOT_FOUND');
  expect((await evaluateRun({ run, threads: 2 })).split).toBe('test');
});

test('0 threads are as many as at first, whatever an earlier job had', async () => {
  const atFirst = await native().configure(0);
  expect(await native().configure(availableParallelism() + 1)).not.toBe(atFirst);
  expect(await native().configure(0)).toBe(atFirst);
});

test('more threads than any use is refused before they are started', async () => {
  const threads = Math.max(64, availableParallelism()) + 1;
  const out = join(runs.folder, 'too-many');
  expect(await runs.refusal({ out, threads }, 'USAGE')).toMatch(/`threads` is \d+: it takes 0 to \d+/);
  expect(existsSync(out)).toBe(false);
});
