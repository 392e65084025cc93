import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { unstructuredSchema } from '../../src/experiments/results.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun } from '../train/support.js';
import { spurmem, start, succeed, trainArguments, words } from './support.js';

/** The way of a user, each command a process. */
const folder = temporaryFolder();
const data = join(folder, 'data');

beforeAll(() => tinyDominoes(data));

test('train, trace with random neurons, report', async () => {
  const run = new RunFolder(join(folder, 'run'));
  const each = (args: readonly string[]) => succeed([...args, '--quiet'], spurmem);
  await each(trainArguments(data, run.path, '--epochs', '1'));
  await each(
    words`trace unstructured --run ${run.path} --criteria gradient --top-k 2 --null-draws 3 --threads 1`,
  );
  await each(words`report --run ${run.path}`);
  const trace = await run.readResult('trace-unstructured', unstructuredSchema);
  expect(trace?.entries.map(({ group }) => group)).toEqual([0, 1, 2, 3]);
  for (const { neurons, comparisons } of trace?.entries ?? []) {
    expect(neurons).toHaveLength(2);
    expect(comparisons?.['same-layers']?.difference?.margin.draws).toBe(3);
  }
  expect(await readFile(run.report, 'utf8')).toMatch(/random/i);
});

test('a run that is killed at any moment goes on to the bits of one that was not', async () => {
  const run = new RunFolder(join(folder, 'killed'));
  const reference = new RunFolder(join(folder, 'whole'));
  const train = (path: string) => trainArguments(data, path, '--epochs', '6', '--quiet');
  const child = start(train(run.path));
  while (!existsSync(join(run.path, 'metrics.csv'))) await sleep(20);
  child.signal('SIGKILL');
  await child.outcome;
  await succeed([...train(run.path), '--resume'], spurmem);
  await succeed(train(reference.path));
  await expectSameRun(run, reference);
});
