import { existsSync } from 'node:fs';
import { cp, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_DOMINOES, buildDominoes } from '../../src/data/dominoes.js';
import { SpurmemError, type ErrorCode } from '../../src/errors.js';
import { native } from '../../src/native/addon.js';
import { trainErm, type ErmOptions } from '../../src/train/erm.js';
import type { ErmResult } from '../../src/train/metrics.js';
import { RunFolder, openRun } from '../../src/train/runFolder.js';
import { contentOf } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const base: ErmOptions = {
  ...{ data, out: join(folder, 'run'), arch: 'resnet18', epochs: 2, batchSize: 32, lr: 1e-3, seed: 3 },
  ...{ device: 'cpu', threads: 1, resume: false },
};
const run = new RunFolder(base.out);
let result: ErmResult;

beforeAll(async () => {
  const counts = { train: [40, 8, 6, 30], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts, size: 32 });
  result = await trainErm(base);
});

/** The message of the error with which training must end. */
async function refusal(options: Partial<ErmOptions>, code: ErrorCode): Promise<string> {
  const error: unknown = await trainErm({ ...base, ...options }).catch((reason: unknown) => reason);
  if (!(error instanceof SpurmemError)) throw new Error(`Expected ${code}, got ${JSON.stringify(error)}`);
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  return error.message;
}

async function copyOf(name: string): Promise<RunFolder> {
  await cp(run.path, join(folder, name), { recursive: true });
  return new RunFolder(join(folder, name));
}

/** What a run measured, without the time it took. */
async function measured(of: RunFolder): Promise<unknown[]> {
  return (await of.readMetrics()).map((metrics) => ({ ...metrics, seconds: 0 }));
}

async function expectAsNeverStopped(other: RunFolder): Promise<void> {
  expect(await measured(other)).toEqual(await measured(run));
  for (const name of ['last', 'best'] as const) {
    expect((await readFile(other[name])).equals(await readFile(run[name]))).toBe(true);
  }
  expect(await readFile(other.result('erm'))).toEqual(await readFile(run.result('erm')));
}

describe('a run that goes on', () => {
  test('after an abort ends as one that was never stopped', async () => {
    const aborted = new RunFolder(join(folder, 'aborted'));
    const abort = new AbortController();
    const onProgress: ErmOptions['onProgress'] = ({ task }) => {
      if (task === 'epoch 2/2') abort.abort();
    };
    const live = native().liveTensors();
    const options = { out: aborted.path, signal: abort.signal, onProgress };
    expect(await refusal(options, 'INTERRUPTED')).toMatch(/epoch 2.*--resume/);
    expect(native().liveTensors()).toBe(live);
    expect(await measured(aborted)).toHaveLength(1);
    await trainErm({ ...base, out: aborted.path, resume: true });
    await expectAsNeverStopped(aborted);
  });

  test('from before its first checkpoint has one line an epoch', async () => {
    const early = await copyOf('early');
    await rm(early.resume);
    await rm(early.result('erm'));
    await trainErm({ ...base, out: early.path, resume: true });
    await expectAsNeverStopped(early);
  });

  test('keeps more epochs than are asked for', async () => {
    const before = contentOf(run.path);
    expect(await refusal({ epochs: 1, resume: true }, 'RUN_EXISTS')).toContain('epochs: 2 -> 1');
    expect(contentOf(run.path)).toEqual(before);
  });
});

describe('a damaged run', () => {
  let damaged: RunFolder;
  beforeAll(async () => {
    damaged = await copyOf('damaged');
  });

  test.each([
    ['a setting that is no number', 'config.json', '"lr": 0.001', '"lr": "x"', 'RUN_INVALID', /config\.lr/],
    [
      'a result of another kind',
      'results/erm.json',
      '"kind": "erm"',
      '"kind": 1',
      'RUN_INVALID',
      /erm\.json is no result/,
    ],
    ['an epoch without a number', 'metrics.jsonl', '{"epoch":2', '{"epoch":"', 'RUN_INVALID', /jsonl:2 /],
    [
      'a checkpoint without progress',
      'checkpoints/resume.safetensors',
      ...(['"training":', '"trainina":', 'WEIGHTS_INVALID', /how far training had come/] as const),
    ],
    [
      'a checkpoint without a weight',
      'checkpoints/resume.safetensors',
      ...(['"model.conv1.', '"model.conv9.', 'WEIGHTS_INVALID', /model\.conv1\.weight is missing/] as const),
    ],
    [
      'a checkpoint without a moment',
      'checkpoints/resume.safetensors',
      ...([
        'exp_avg.conv1.',
        'exp_avg.conv9.',
        'WEIGHTS_INVALID',
        /exp_avg\.conv1\.weight is missing/,
      ] as const),
    ],
  ] as const)('with %s is refused, and keeps every byte', async (_name, file, text, by, code, reason) => {
    const path = join(damaged.path, file);
    const whole = await readFile(path);
    await writeFile(path, whole.toString('latin1').replace(text, by), 'latin1');
    try {
      const before = contentOf(damaged.path);
      const message = await refusal({ out: damaged.path, epochs: 3, resume: true }, code);
      expect(message).toContain(path);
      expect(message).toMatch(reason);
      expect(message).toMatch(/start anew in another folder|Delete it and run again/);
      expect(contentOf(damaged.path)).toEqual(before);
    } finally {
      await writeFile(path, whole);
    }
  });

  test('is not found without a configuration or without a trained model', async () => {
    await expect(openRun(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await rm(damaged.best);
    await expect(openRun(damaged.path)).rejects.toThrow(/best\.safetensors is missing/);
  });
});

describe('a folder that cannot be used', () => {
  test('is not written to once its lock was lost', async () => {
    const lost = new RunFolder(join(folder, 'lost'));
    await lost.create();
    const writing = lost.locked(async () => {
      await rmdir(`${lost.path}.lock`);
      await sleep(6_000); // The lock is looked at every 5 s.
      await lost.writeResult('erm', result);
    });
    await expect(writing).rejects.toMatchObject({ code: 'RUN_BUSY' });
    expect(existsSync(lost.result('erm'))).toBe(false);
  });

  test('is named: a file, below a file, or where the system takes no folders', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'kept');
    for (const out of [file, join(file, 'run', 'deep'), '/proc/spurmem', '/proc/spurmem/run']) {
      const message = await refusal({ out }, 'OUTPUT_UNWRITABLE');
      expect(message).toContain(`Cannot write ${out}`);
      expect(message).toMatch(/choose another folder/i);
    }
    expect(await readFile(file, 'utf8')).toBe('kept');
  });
});

test('folders are made by several at once', async () => {
  const deep = join(folder, 'a', 'b', 'c');
  await Promise.all([new RunFolder(deep).create(), new RunFolder(deep).create()]);
  expect(Object.keys(contentOf(deep))).toEqual(['checkpoints', 'figures', 'results']);
});

test('a model that the last step of an epoch made infinite is not saved', async () => {
  const out = join(folder, 'diverged');
  const message = await refusal({ out, lr: 1e30, batchSize: 128 }, 'NATIVE_FAILED');
  expect(message).toMatch(/validation loss became (NaN|Infinity) after epoch 1.*--lr/);
  expect(contentOf(join(out, 'checkpoints'))).toEqual({});
});

test('more threads than any use is refused before they are started', async () => {
  const threads = Math.max(64, availableParallelism()) + 1;
  const out = join(folder, 'threads');
  expect(await refusal({ out, threads }, 'USAGE')).toMatch(/--threads is \d+; it takes 0 to \d+/);
  expect(existsSync(out)).toBe(false);
});
