// Two processes on one run folder, in every combination of train, trace, reproduce and report: node scripts/faults/twoProcesses.mjs
// Each must end well, or be refused because the other one is writing. No file may be half-written, and a refused command succeeds
// afterwards.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { damaged, filesOf, spurmem, trainArguments, words, workplace } from './faults.mjs';

const { folder, data, remove } = await workplace();
const source = join(folder, 'source');
const run = join(folder, 'run');
const train = (out, epochs) => [...trainArguments(data, out), '--epochs', epochs];
const TRACED = words`--run ${run} --threads 1 --quiet --null-draws 9`;
const COMMANDS = {
  train: train(run, '4'),
  trace: words`trace unstructured ${TRACED} --criteria magnitude --top-k 1`,
  reproduce: words`reproduce fig2 ${TRACED}`,
  report: words`report --run ${run} --quiet`,
};
const REFUSED = /is writing to .* Wait for it to end/s;

try {
  const ready = await spurmem(train(source, '1'));
  if (ready.code !== 0) throw new Error(ready.output);
  const rows = [];
  for (const first of Object.keys(COMMANDS)) {
    for (const second of Object.keys(COMMANDS)) {
      rmSync(run, { recursive: true, force: true });
      cpSync(source, run, { recursive: true });
      const names = [first, second];
      const ended = await Promise.all(
        names.map(async (name, i) => {
          await sleep(i * 250);
          return spurmem(COMMANDS[name]);
        }),
      );
      const outcome = ({ code, output }) => (code === 0 ? 'ends' : REFUSED.test(output) ? 'refused' : output);
      const halfWritten = damaged(run).length;
      const again = [];
      for (const [i, name] of names.entries())
        if (ended[i].code !== 0) again.push(await spurmem(COMMANDS[name]));
      const then = again.map(outcome).join(', ');
      const left = filesOf(run).filter((name) => /\.tmp$|\.lock/.test(name)).length;
      rows.push({ first, second, outcomes: ended.map(outcome).join(', '), halfWritten, then, left });
    }
  }
  console.table(rows);
  const isWell = ({ outcomes, then, halfWritten, left }) =>
    /^(ends|refused), (ends|refused)$/.test(outcomes) &&
    /^(ends(, )?)*$/.test(then) &&
    halfWritten + left === 0;
  process.exitCode = rows.every(isWell) ? 0 : 1;
} finally {
  remove();
}
