import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withoutChecksum } from '../../src/checksum.js';
import type { ErrorCode } from '../../src/errors.js';
import { tryLock } from '../../src/lock.js';
import { ComputeContext } from '../../src/native/context.js';
import { trainErm } from '../../src/train/methods.js';
import type { TrainingResult } from '../../src/train/results.js';
import { FORMAT_VERSION } from '../../src/train/runConfig.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { RunWriter } from '../../src/train/runWriter.js';
import { contentOf } from '../cli/support.js';
import { failure } from '../data/support.js';
import { bestOf } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { Runs } from './support.js';

const folder = temporaryFolder();
const runs = new Runs(folder);
let result: TrainingResult;

beforeAll(async () => {
  result = await runs.build();
});

describe('a damaged run', () => {
  let damaged: RunFolder;
  beforeAll(async () => {
    damaged = await runs.copyOf('damaged');
  });

  const [CONFIG, EPOCH, RESULT] = ['config.json', 'checkpoints/epoch-2/epoch.json', 'results/erm.json'];
  const [WEIGHTS, STATE] = ['weights', 'state'].map((name) => `checkpoints/epoch-2/${name}.safetensors`);
  type Damage = (whole: Buffer) => string | Buffer;
  const edited = (text: string, by: string) => (whole: Buffer) =>
    Buffer.from(whole.toString('latin1').replace(text, by), 'latin1');
  const SUM = /"checksum": ?"[0-9a-f]{8}",\s*/g;
  // Without the checksum, which would tell of it first.
  const unchecked = (whole: Buffer): Buffer => {
    const text = whole.toString('latin1').replace('spurmem.crc32', 'another.crc32');
    return Buffer.from(text.replaceAll(SUM, ''), 'latin1');
  };
  const replaced = (text: string, by: string) => (whole: Buffer) => edited(text, by)(unchecked(whole));
  const flipped = (whole: Buffer): Buffer => {
    const at = Math.floor(whole.length / 2);
    return Buffer.concat([whole.subarray(0, at), Buffer.of((whole[at] ?? 0) ^ 4), whole.subarray(at + 1)]);
  };
  const noWeight = /conv1\.weight is missing/;
  const noMoment = /exp_avg\.conv1\.weight is missing/;
  const noField = /erm\.json is damaged: bestEpoch: .*Delete it and run again/;

  test.each<[string, string | undefined, Damage, RegExp]>([
    ['a setting that is no number', CONFIG, replaced('"lr": 0.001', '"lr": "x"'), /config\.lr/],
    ['another digit in a setting', CONFIG, edited('"seed": 3', '"seed": 7'), /"checksum" from it/],
    ['half a configuration', CONFIG, () => '{"config": {', /damaged/],
    ['a result that lacks a field', RESULT, replaced('"bestEpoch"', '"best"'), noField],
    ['another digit in a result', RESULT, edited('"bestEpoch": ', '"bestEpoch": 1'), /has changed since/],
    ['another digit in an epoch', EPOCH, edited('"lr": 0.001', '"lr": 0.003'), /it has changed since/],
    ['an epoch without a number', EPOCH, replaced('"epoch": 1', '"epoch": "1"'), /metrics/],
    ['an epoch of another number', EPOCH, replaced('"epoch": 2', '"epoch": 3'), /is of epoch 3/],
    ['half an epoch', EPOCH, (whole) => whole.subarray(0, whole.length / 2), /damaged/],
    ['a few bytes of weights', WEIGHTS, () => 'too short to be whole', /weights/],
    ['another bit in weights', WEIGHTS, flipped, /its checksum is \w{8} and should be \w{8}/],
    ['another bit in a state', STATE, flipped, /its checksum is \w{8} and should be \w{8}/],
    ['half a state', STATE, (whole) => whole.subarray(0, whole.length / 2), /truncated/],
    ['weights without a parameter', WEIGHTS, replaced('"conv1.', '"conv9.'), noWeight],
    ['a state without a moment', STATE, replaced('exp_avg.conv1.', 'exp_avg.conv9.'), noMoment],
  ])('with %s is refused, and keeps every byte', async (_name, file = '', damage, reason) => {
    const code: ErrorCode = file.endsWith('.safetensors') ? 'WEIGHTS_INVALID' : 'RUN_INVALID';
    const path = join(damaged.path, file);
    const whole = await readFile(path);
    await writeFile(path, damage(whole));
    try {
      const before = contentOf(damaged.path);
      const advice = /start anew in another folder|Delete it and run again/;
      await runs.refusal({ out: damaged.path, epochs: 3, resume: true }, code, path, reason, advice);
      expect(contentOf(damaged.path)).toEqual(before);
    } finally {
      await writeFile(path, whole);
    }
  });

  test('of an earlier version that lacks a setting takes its default', async () => {
    const run = await runs.copyOf('earlier');
    const path = join(run.path, 'config.json');
    const { config, ...rest } = JSON.parse(withoutChecksum(await readFile(path, 'utf8'))) as {
      config: Record<string, unknown>;
    };
    const { weightDecay, scheduler, ...older } = config;
    expect([weightDecay, scheduler]).not.toContain(undefined);
    await writeFile(path, JSON.stringify({ ...rest, config: older }));
    const resumed = await trainErm({ ...runs.base, out: run.path, resume: true });
    expect(resumed.bestEpoch).toBe(result.bestEpoch);
    await runs.refusal({ out: run.path, resume: true, lr: 0.1 }, 'RUN_EXISTS', 'lr: 0.001 -> 0.1');
  });

  test('names data.json, and reads files whose checksums were removed', async () => {
    const path = join(damaged.path, 'data.json');
    const whole = await readFile(path);
    await writeFile(path, edited('"pullover', '"Pullover')(whole));
    await expect(damaged.readData()).rejects.toThrow(
      `${path} is damaged: it has changed since it was written`,
    );
    await writeFile(path, whole);
    const run = await runs.copyOf('unchecked');
    for (const name of [CONFIG, EPOCH, 'data.json'] as const) {
      const file = join(run.path, name);
      await writeFile(file, unchecked(await readFile(file)));
      expect(await readFile(file, 'utf8')).not.toContain('checksum');
    }
    expect([await run.readConfig(), await run.readData(), await run.readMetrics()]).toEqual([
      await damaged.readConfig(),
      await damaged.readData(),
      await damaged.readMetrics(),
    ]);
  });

  test.each([
    [1, 'format version 1'],
    [undefined, 'no format version'],
  ])('of format version %p is refused, and keeps every byte', async (formatVersion, which) => {
    const path = join(damaged.path, 'config.json');
    const whole = await readFile(path, 'utf8');
    const content = JSON.parse(withoutChecksum(whole)) as object;
    expect(content).toMatchObject({ formatVersion: FORMAT_VERSION });
    await writeFile(path, JSON.stringify({ ...content, formatVersion }));
    try {
      const before = contentOf(damaged.path);
      const message = `${path} has ${which}, and this version of spurmem reads format version ${FORMAT_VERSION}. Train the run anew`;
      const options = { out: damaged.path, epochs: 3, resume: true };
      expect(await runs.refusal(options, 'RUN_INVALID')).toContain(message);
      await expect(openRun(damaged.path)).rejects.toThrow(message);
      expect(contentOf(damaged.path)).toEqual(before);
    } finally {
      await writeFile(path, whole);
    }
  });

  test('is not found without a configuration or without a trained model', async () => {
    await expect(openRun(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    const without = await runs.copyOf('without');
    await rm(bestOf(without));
    await expect(openRun(without.path)).rejects.toThrow(/weights\.safetensors is missing/);
  });
});

describe('a folder that cannot be used', () => {
  test.each([
    ['is not written to once its lock was lost', (lost: RunWriter) => lost.writeResult('erm', result)],
    [
      'says that its lock was lost, and not what the new owner has removed',
      () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
    ],
  ])('%s', async (name, write) => {
    const lost = new RunWriter(join(folder, name), new ComputeContext({ device: 'cpu' }));
    await lost.create();
    const writing = lost.locked(async () => {
      await rm(`${lost.path}.lock`, { recursive: true });
      await write(lost);
    });
    await failure(writing, 'RUN_BUSY', /The lock on .* was lost/);
    expect(existsSync(lost.result('erm'))).toBe(false);
  });

  test('stops waiting for the lock of its report when aborted', async () => {
    const busy = new RunFolder(join(folder, 'busy'));
    await busy.create();
    const lock = await tryLock(join(busy.path, 'figures', '.report.lock'));
    const publishing = busy.publish(() => Promise.resolve(1), { signal: AbortSignal.abort() });
    await failure(publishing, 'INTERRUPTED', 'Stopped during the wait for a lock');
    await lock?.release();
  });

  test('is the root of the file system', async () => {
    await runs.refusal(
      { out: '/' },
      'OUTPUT_UNWRITABLE',
      'is the root of the file system',
      'for this run alone',
    );
  });

  test('is not made by a job that was stopped before, or whose callback is async', async () => {
    const out = join(folder, 'never');
    await runs.refusal({ out, signal: AbortSignal.abort() }, 'INTERRUPTED', 'Stopped during the start');
    const late: unknown = async (): Promise<void> => Promise.reject(new Error('late'));
    const onProgress = late as () => void;
    await runs.refusal(
      { out, onProgress },
      'USAGE',
      '`onProgress` is a function: it takes a function that is not async',
    );
    await runs.refusal({ out: 'a\0b' }, 'USAGE', '`out` is ');
    expect(existsSync(out)).toBe(false);
  });

  test('is named: a file, below a file, or where the system takes no folders', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'kept');
    for (const out of [file, join(file, 'run', 'deep'), '/proc/spurmem', '/proc/spurmem/run']) {
      await runs.refusal({ out }, 'OUTPUT_UNWRITABLE', `Cannot write ${out}`, /choose another folder/i);
    }
    expect(await readFile(file, 'utf8')).toBe('kept');
  });
});
