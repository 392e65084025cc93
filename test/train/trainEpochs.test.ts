import { join } from 'node:path';
import { type EpochMetrics, trainEpochs } from '../../src/index.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { builtRuns, expectSameRun, measured } from './support.js';

const runs = builtRuns();

test('epochs are handed over, and a run that the loop has left goes on to the same bits', async () => {
  const run = new RunFolder(join(runs.folder, 'left'));
  const called: number[] = [];
  const options = {
    ...runs.base,
    out: run.path,
    onEpoch: ({ epoch }: EpochMetrics) => void called.push(epoch),
  };
  for await (const { epoch, epochs, val, groupNames } of trainEpochs('erm', options)) {
    expect([epoch, epochs, val.accuracy.length, groupNames.length]).toEqual([1, 2, 4, 4]);
    break;
  }
  expect(await measured(run)).toHaveLength(1);
  const rest = trainEpochs('erm', { ...options, resume: true });
  const second = await rest.next();
  expect(second).toMatchObject({
    done: false,
    value: { epoch: 2, best: (await run.readMetrics())[1]?.best },
  });
  expect(await rest.next()).toMatchObject({ done: true, value: { run: run.path, epochs: 2 } });
  expect(called).toEqual([1, 2]);
  await expectSameRun(run, runs.reference);
});

test('a signal, an error of training and a method without epochs end the loop with their errors', async () => {
  const out = join(runs.folder, 'stopped');
  const stop = new AbortController();
  const all = async (name: string, options: object = {}): Promise<void> => {
    for await (const _epoch of trainEpochs(name, { ...runs.base, out, ...options })) stop.abort();
  };
  await failure(all('erm', { signal: stop.signal }), 'INTERRUPTED', '`resume`');
  await failure(all('erm'), 'RUN_EXISTS', 'this run, unfinished');
  await failure(all('dfr'), 'USAGE', '"dfr" has no epochs: erm, rwy');
});
