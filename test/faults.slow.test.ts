import { join } from 'node:path';
import { node, spurmem, trainArguments, trainOptions } from './cli/support.js';
import { ermRun, tinyDominoes } from './fixtures.js';
import { temporaryFolder } from './temporary.js';

const folder = temporaryFolder();

/** The short form of a script of scripts/faults, which fails where a run is not what it must be. */
function attack(script: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = node([join('scripts/faults', script), ...args]);
  expect({ status, stderr }).toEqual({ status: 0, stderr });
  return stdout;
}

test('a run and a download that are killed at a random moment go on to the same bits, and leave no other files', () => {
  const said = attack('killResume.mjs', '--kills', '1', '--seed', '1', 'finetune', 'download');
  expect(said).toMatch(/finetune[^]*download/);
});

test('a write that fails leaves the last good state, and is told', () => {
  expect(attack('disks.mjs', '--stride', '180', 'checkpoint')).toContain('checkpoint');
});

test('a lock that cannot be moved away when it is released is removed in its place', () => {
  // The last calls are those of the release, and another job waits for the lock afterwards.
  expect(attack('disks.mjs', '--from=-3', 'store')).toMatch(/'store' │ (\d+) +│ [1-9]/);
});

test('processes on one run folder end well, or are refused', async () => {
  const data = join(folder, 'data');
  const run = join(folder, 'run');
  await tinyDominoes(data);
  await ermRun(trainOptions(data, run));
  const commands = [
    trainArguments(data, run, '--epochs', '2', '--resume', '--quiet'),
    ['trace', 'unstructured', '--run', run, '--criteria', 'magnitude', '--top-k', '1', '--null-draws', '0'],
    ['report', '--run', run, '--quiet'],
  ];
  const outcomes = await Promise.all(commands.map((args) => spurmem(args)));
  for (const { exitCode, stderr } of outcomes) {
    if (exitCode !== 0) expect(stderr).toMatch(/is writing to .* Wait for it to end/);
  }
  // The report does not wait for the others.
  expect(outcomes[2]).toMatchObject({ exitCode: 0 });
});
