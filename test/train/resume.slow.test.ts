import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import { RunFolder, runState } from '../../src/train/runFolder.js';
import { contentOf } from '../cli/support.js';
import { bestOf, lastOf, stateOf } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { builtRuns, expectSameRun, measured, stopIn } from './support.js';

const runs = builtRuns();
const { folder } = runs;

async function resume(run: RunFolder, options: Partial<ErmOptions> = {}): Promise<string[]> {
  const warnings: string[] = [];
  const onWarning = (text: string): number => warnings.push(text);
  await trainErm({ ...runs.base, ...options, out: run.path, resume: true, onWarning });
  return warnings;
}

/** Stops an ERM run once it reports on the task; the message that it ends with. */
const stopErm = (task: string, options: Partial<ErmOptions>): Promise<string> =>
  stopIn(task, (stop) => trainErm({ ...runs.base, ...options, ...stop }));

const expectAsNeverStopped = (run: RunFolder): Promise<void> => expectSameRun(run, runs.reference);

describe('a run that goes on', () => {
  test('after an abort ends as one that was never stopped', async () => {
    const aborted = new RunFolder(join(folder, 'aborted'));
    const live = await settledTensors();
    expect(await stopErm('epoch 2/2', { out: aborted.path })).toMatch(/epoch 2.*`resume`/);
    expect(native().liveTensors()).toBe(live);
    expect(await measured(aborted)).toHaveLength(1);
    expect(await resume(aborted)).toEqual([]);
    await expectAsNeverStopped(aborted);
  });

  test('killed while it saved its first epoch begins anew', async () => {
    const early = await runs.copyOf('early');
    await rm(early.epoch(1), { recursive: true, force: true });
    await rename(early.epoch(2), `${early.epoch(2)}.tmp`);
    await rm(early.result('erm'));
    expect(await resume(early)).toEqual([]);
    await expectAsNeverStopped(early);
    expect(existsSync(`${early.epoch(2)}.tmp`)).toBe(false);
  });

  test('after its end has the same result, also where it was killed before writing it, and changes nothing', async () => {
    const finished = await runs.copyOf('finished');
    const before = contentOf(finished.path);
    const { run, ...result } = await trainErm({ ...runs.base, out: finished.path, resume: true });
    expect([run, result]).toEqual([finished.path, await finished.readTrainingResult()]);
    expect(contentOf(finished.path)).toEqual(before);
    await rm(finished.result('erm'));
    expect(await resume(finished)).toEqual([]);
    await expectAsNeverStopped(finished);
  });

  test('for more epochs ends as one that had them from the start, and names epochs that it passed', async () => {
    const extended = new RunFolder(join(folder, 'extended'));
    await trainErm({ ...runs.base, out: extended.path, epochs: 1 });
    const passed = /^The run has passed epoch 0 without keeping its weights, which `keepEpochs` names/;
    const asked = { keepEpochs: [0, 2] };
    for (const _time of [1, 2])
      expect(await resume(extended, asked)).toEqual([expect.stringMatching(passed)]);
    await expectAsNeverStopped(extended);
    expect(existsSync(extended.weights(2))).toBe(true);
  });

  test('for more epochs and is stopped has no result of the fewer ones', async () => {
    const extended = await runs.copyOf('extended-stopped');
    await stopErm('epoch 4/4', { out: extended.path, epochs: 4, resume: true });
    expect(await runState(extended)).toEqual({ state: 'stopped', epochs: 3, result: undefined });
    await resume(extended, { epochs: 4 });
    expect(await runState(extended)).toMatchObject({ state: 'finished', result: { epochs: 4 } });
    // Fine-tuning starts from 40 % of the epochs, which this run has passed.
    const warned: string[] = [];
    const onWarning = (text: string): number => warned.push(text);
    await stopErm('epoch 5/8', { out: extended.path, epochs: 8, resume: true, onWarning });
    expect(warned).toEqual([
      expect.stringMatching(/^The run has passed epoch 3 without keeping its weights/),
    ]);
  });

  test('keeps count of epochs whose training loss did not improve, which halve the learning rate', async () => {
    // One batch of all images, and steps too small to change their loss: that of validation changes with the statistics.
    const stalled = new RunFolder(join(folder, 'stalled'));
    const settings = { ...runs.base, out: stalled.path, lr: 2.1e-8, batchSize: 84 };
    await trainErm({ ...settings, epochs: 4 });
    await trainErm({ ...settings, epochs: 7, resume: true });
    const epochs = await stalled.readMetrics();
    expect(epochs.map(({ lr }) => lr)).toEqual([...Array<number>(5).fill(2.1e-8), 1.05e-8, 1.05e-8]);
    expect(epochs[5]?.valLoss).toBeLessThan(0.9 * (epochs[2]?.valLoss ?? 0));
    // Of epochs with equal scores the first is the best.
    const scores = epochs.map(({ val }) => Math.min(...val.accuracy.map(Number)));
    expect(new Set(scores).size).toBe(1);
    expect(epochs.map(({ best }) => best)).toEqual([true, ...Array<boolean>(6).fill(false)]);
  });

  test('with other numerics after an epoch that was cut off has the best epoch that it says', async () => {
    const out = join(folder, 'other-numerics');
    const settings = {
      ...runs.base,
      out,
      select: 'best-average',
      epochs: 3,
      lr: 0.01,
      batchSize: 4,
    } as const;
    await stopErm('epoch 3/3', settings);
    // As if its third epoch, with weights of this attempt, was not renamed.
    const run = new RunFolder(out);
    await cp(run.epoch(2), `${run.epoch(3)}.tmp`, { recursive: true });
    const { bestEpoch, val } = await trainErm({ ...settings, threads: 2, resume: true });
    const metrics = await run.readMetrics();
    expect(metrics.filter(({ best }) => best).at(-1)?.epoch).toBe(bestEpoch);
    expect(val.correct).toEqual(metrics[bestEpoch - 1]?.val.correct);
    expect(bestOf(run)).toBe(run.weights(bestEpoch));
  });

  test('has no state once it is finished, and cannot have more epochs', async () => {
    const slim = await runs.copyOf('slim');
    await resume(slim, { keepState: false });
    expect(existsSync(slim.state(2))).toBe(false);
    const before = contentOf(slim.path);
    const advice =
      /finished run has it only if it was trained with `keepState`.*start anew in another folder/s;
    const more = { out: slim.path, epochs: 3, resume: true };
    await runs.refusal(more, 'RUN_INVALID', `${slim.state(2)} is missing`, advice);
    expect(contentOf(slim.path)).toEqual(before);
    // A damaged result is deleted and measured again.
    const result = await slim.readTrainingResult();
    await rm(slim.result('erm'));
    expect(await resume(slim, { keepState: false })).toEqual([]);
    expect(await slim.readTrainingResult()).toEqual(result);
  });

  test('has no state after training that does not ask for it', async () => {
    const tracked = new RunFolder(join(folder, 'tracked'));
    const settings = { out: tracked.path, epochs: 1, trackImages: true, keepState: false };
    await trainErm({ ...runs.base, ...settings });
    expect(Object.keys(contentOf(tracked.epoch(1))).sort()).toEqual(['epoch.json', 'weights.safetensors']);
    // What was counted of the images was in the state.
    await rm(tracked.result('erm'));
    await runs.refusal({ ...settings, resume: true }, 'RUN_INVALID', `${tracked.state(1)} is missing`);
  });

  test('keeps more epochs than are asked for', async () => {
    const { path } = runs.reference;
    const before = contentOf(path);
    await runs.refusal({ epochs: 1, resume: true }, 'RUN_EXISTS', 'epochs: 2 -> 1');
    expect(contentOf(path)).toEqual(before);
  });
});

test('a run without a finished epoch gives way to other settings, after it was stopped or diverged', async () => {
  const out = join(folder, 'diverged');
  const other = { out, lr: 0.1, seed: 4, keepEpochs: [0] };
  expect(await stopErm('epoch 1/2', other)).toContain('Stopped during epoch 1');
  expect(Object.keys(contentOf(join(out, 'checkpoints')))).toContain('epoch-0');
  const infinite = /weights became infinite or NaN in epoch 1, batch 1\..* Try a lower `lr`\. .*`weights`/;
  await runs.refusal({ out, lr: 1e38, batchSize: 128 }, 'NATIVE_FAILED', infinite);
  expect(contentOf(join(out, 'checkpoints'))).toEqual({});
  await writeFile(join(out, 'notes.txt'), 'kept');
  await trainErm({ ...runs.base, out });
  await expectAsNeverStopped(new RunFolder(out));
  expect(existsSync(new RunFolder(out).epoch(0))).toBe(false);
  expect(await readFile(join(out, 'notes.txt'), 'utf8')).toBe('kept');
});

describe('a run that lacks a file', () => {
  test.each([
    ['its state', stateOf],
    ['its measurements', (run: RunFolder) => join(run.epoch(2), 'epoch.json')],
    ['its newest weights', lastOf],
  ])('%s: says so, and loses nothing', async (name, fileOf) => {
    const run = await runs.copyOf(name);
    const path = fileOf(run);
    await rm(path);
    const before = contentOf(run.path);
    await runs.refusal(
      { out: run.path, epochs: 3, resume: true },
      path.endsWith('weights.safetensors') ? 'WEIGHTS_INVALID' : 'RUN_INVALID',
      path,
      /Restore (?:it|the file|that file), or start anew in another folder/,
    );
    expect(contentOf(run.path)).toEqual(before);
  });

  test('config.json says so, and loses nothing', async () => {
    const run = await runs.copyOf('unconfigured');
    await rm(join(run.path, 'config.json'));
    const before = contentOf(run.path);
    for (const resumes of [false, true]) {
      await runs.refusal(
        { out: run.path, resume: resumes },
        'RUN_INVALID',
        `${run.path} holds epochs of a run, but its config.json is missing`,
      );
    }
    expect(contentOf(run.path)).toEqual(before);
  });
});

test('images that were replaced while a run was stopped are reported', async () => {
  const data = join(folder, 'replaced');
  await cp(runs.base.data, data, { recursive: true });
  const run = new RunFolder(join(folder, 'with-replaced'));
  await stopErm('epoch 2/2', { data, out: run.path });
  const [image, other] = (await loadDataset(data)).examples.map(({ filename }) => join(data, filename));
  await cp(other ?? '', image ?? '');
  const warned: string[] = [];
  const onWarning = (text: string): number => warned.push(text);
  await stopErm('epoch 2/2', { data, out: run.path, resume: true, onWarning });
  expect(warned).toEqual([
    expect.stringContaining('Some images were replaced since the run was last trained') as unknown,
  ]);
});
