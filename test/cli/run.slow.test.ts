import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunFolder } from '../../src/train/runFolder.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun, measured } from '../train/support.js';
import {
  answer,
  contentOf,
  expectFailure,
  failure,
  start,
  succeed,
  trainArguments,
  trainOptions,
} from './support.js';

/** Runs as the command line starts, stops and resumes them; what a run is made of is tested in test/train. */
const folder = temporaryFolder();
const data = join(folder, 'data');
const FIRST_EPOCH = /^epoch 1: /m;
const runIn = (name: string): RunFolder => new RunFolder(join(folder, name));
/** One epoch, finished. */
const short = runIn('short');
/** Two epochs, finished and never stopped. */
const reference = runIn('reference');

async function written(path: string): Promise<void> {
  while (!existsSync(path)) await sleep(50);
}

beforeAll(async () => {
  await tinyDominoes(data);
  await ermRun(trainOptions(data, short.path));
  await ermRun({ ...trainOptions(data, reference.path), epochs: 2 });
});

describe('a run folder with a finished run', () => {
  it('names each setting that differs, and changes nothing', async () => {
    const before = contentOf(short.path);
    const settings = ['--epochs', '1', '--lr', '0.01', '--seed', '7'];
    for (const more of [[], ['--resume']]) {
      const differing = ['lr: 0.0001 -> 0.01', 'seed: 0 -> 7', 'Nothing was changed', '--out'];
      const text = `${short.path} already holds a run with another configuration`;
      const outcome = await answer(trainArguments(data, short.path, ...settings, ...more));
      expectFailure(outcome, 1, text, ...differing);
    }
    expect(contentOf(short.path)).toEqual(before);
  });

  it('asks for --resume, and changes nothing', async () => {
    const before = contentOf(short.path);
    const message = await failure(trainArguments(data, short.path, '--epochs', '1'), 'RUN_EXISTS');
    expect(message).toContain('finished. Nothing was changed. Continue it with --resume');
    expect(contentOf(short.path)).toEqual(before);
  });

  it('resumes at once with the same result as one document', async () => {
    const args = trainArguments(data, short.path, '--epochs', '1', '--resume', '--json');
    const { stdout, stderr } = await succeed(args);
    const seconds = (await short.readMetrics()).reduce((sum, epoch) => sum + epoch.seconds, 0);
    expect(JSON.parse(stdout)).toEqual({
      run: short.path,
      seconds,
      ...(await short.readTrainingResult()),
    });
    expect(stderr).toBe('');
  });
});

describe('a run that is stopped', () => {
  it('by Ctrl-C keeps its last epoch, and resumes to the same bits', async () => {
    const run = runIn('interrupted');
    const child = start(trainArguments(data, run.path));
    await child.printed(FIRST_EPOCH);
    child.signal('SIGINT');
    expectFailure(await child.outcome, 130, 'Stopped during epoch 2', '--resume');
    await expectEpochOfShort(run);
    await succeed(trainArguments(data, run.path, '--resume', '--quiet'));
    await expectSameRun(run, reference);
  });

  it.each(['', '--resume'])('in its first epoch is trained anew by the same command %s', async (more) => {
    const run = runIn(`first-epoch${more}`);
    const child = start(trainArguments(data, run.path));
    await child.printed(/starts from random weights/);
    child.signal('SIGINT');
    expectFailure(await child.outcome, 130, 'Stopped during epoch 1');
    expect(await run.readConfig()).toBeDefined();
    expect(await run.readProgress()).toBeUndefined();
    await succeed(trainArguments(data, run.path, '--quiet', ...(more === '' ? [] : [more])));
    await expectSameRun(run, reference);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s says in one line what to do, with --quiet too', async (signal, exitCode) => {
    const run = runIn(`quiet-${signal}`);
    const child = start(trainArguments(data, run.path, '--quiet', '--epochs', '1000'));
    await written(join(run.path, 'metrics.csv'));
    child.signal(signal);
    // A terminal that closes has SIGHUP sent twice.
    if (signal === 'SIGHUP') child.signal(signal);
    const outcome = await child.outcome;
    expectFailure(outcome, exitCode);
    expect(existsSync(`${run.path}.lock`)).toBe(false);
    expect(outcome.stderr).toMatch(
      /^Stopped during epoch \d+\b[^.]*\. Finished epochs of a run are kept: continue it with --resume\.\n$/,
    );
  });

  it('by a second signal ends at once, and says the same', async () => {
    const run = runIn('at-once');
    const child = start(trainArguments(data, run.path, '--quiet', '--epochs', '1000'));
    await written(join(run.path, 'metrics.csv'));
    // Both are there when it goes on.
    for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) child.signal(signal);
    // null: by the signal, which shells report as 143.
    const outcome = await child.outcome;
    expect(outcome).toMatchObject({ exitCode: null, stdout: '' });
    expect(outcome.stderr).toMatch(
      /^Stopped at once\. Finished epochs of a run are kept: continue it with --resume\.\n$/,
    );
    expect(existsSync(`${run.path}.lock`)).toBe(false);
  });

  it('by SIGKILL was closed to others, and resumes at once to the same bits', async () => {
    const run = runIn('killed');
    const train = trainArguments(data, run.path, '--resume', '--quiet');
    const child = start(trainArguments(data, run.path));
    await child.printed(FIRST_EPOCH);
    // Held in the middle of its second epoch.
    child.signal('SIGSTOP');
    const before = contentOf(run.path);
    expect(await failure(train, 'RUN_BUSY')).toMatch(
      new RegExp(`^Process \\d+ of .+ is writing to ${run.path}\\. Wait for it to end`, 'm'),
    );
    expect(contentOf(run.path)).toEqual(before);
    child.signal('SIGKILL');
    expect(await child.outcome).toMatchObject({ exitCode: null, stdout: '' });
    await expectEpochOfShort(run);
    // As if it had died while it wrote its second epoch.
    await cp(reference.epoch(2), `${run.epoch(2)}.tmp`, { recursive: true });
    await succeed(train);
    await expectSameRun(run, reference);
  });

  async function expectEpochOfShort(run: RunFolder): Promise<void> {
    expect(await measured(run)).toEqual(await measured(short));
    const contents = [run, short].map((one) => contentOf(join(one.path, 'checkpoints')));
    // It says how long the epoch took.
    for (const content of contents) delete content['epoch-1/epoch.json'];
    expect(contents[0]).toEqual(contents[1]);
  }
});
