// Ends jobs at random moments by signals, a closed pipe and a closed terminal, and goes on with them:
// node scripts/faults/ends.mjs [--ends 60] [--seed 0]
// A job ends with the exit code of its signal, or by it, holds no lock afterwards, and resumed has the bits of an undisturbed one.
// Needs python3.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xorshift128plus } from 'pure-rand/generator/xorshift128plus';
import { damaged, differences, filesOf, spurmem, trainArguments, words, workplace } from './faults.mjs';

const { values } = parseArgs({
  options: { ends: { type: 'string', default: '60' }, seed: { type: 'string', default: '0' } },
});
const random = xorshift128plus(Number(values.seed));
const program = fileURLToPath(new URL('../../bin/spurmem.js', import.meta.url));
const { folder, data, remove } = await workplace();
const source = join(folder, 'source');
const run = join(folder, 'run');

/** Commands, with what is there before; decoding, steps and writes are in the first. */
const JOBS = {
  train: {
    args: words`${trainArguments(data, run)} --epochs 3 --checkpoint-every 1`,
    before: () => rmSync(join(data, '.spurmem'), { recursive: true, force: true }),
  },
  trace: {
    args: words`reproduce fig2 --run ${run} --threads 1 --quiet --null-draws 9`,
    before: () => cpSync(source, run, { recursive: true }),
  },
  report: {
    args: words`report --run ${run} --quiet`,
    before: () => cpSync(source, run, { recursive: true }),
  },
};
const SIGNALS = ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT'];
const ENDS = [...SIGNALS, 'closed pipe', 'closed terminal'];

/** Starts a command and ends it after so many milliseconds. Returns its exit code, that of a shell where a signal ended it. */
async function end(args, how, after) {
  if (how === 'closed terminal') return endTerminal(args, after);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]));
  });
  for (const stream of [child.stdout, child.stderr]) stream.resume();
  await Promise.race([sleep(after), ended]);
  if (how !== 'closed pipe') child.kill(how);
  else for (const stream of [child.stdout, child.stderr]) stream.destroy();
  return ended;
}

/** In a terminal of its own, which is closed after so many milliseconds: the system hangs up on the job. */
const TERMINAL = `
import os, pty, sys, time
end = time.monotonic() + float(sys.argv[1]) / 1000
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
os.set_blocking(master, False)
while time.monotonic() < end:
    try:
        os.read(master, 65536)
    except BlockingIOError:
        time.sleep(0.01)
    except OSError:
        break
os.close(master)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(code if code >= 0 else 128 - code)`;

function endTerminal(args, after) {
  const command = ['-c', TERMINAL, String(after), process.execPath, program, ...args];
  return new Promise((resolve) => {
    const terminal = spawn('python3', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    terminal.stdout.on('data', (text) => (printed += text));
    terminal.once('close', () => resolve(Number(printed)));
  });
}

const expected = (how) =>
  how === 'closed pipe' ? [0] : [0, 128 + constants.signals[how === 'closed terminal' ? 'SIGHUP' : how]];

try {
  const { code, output } = await spurmem(words`${trainArguments(data, source)} --epochs 1`);
  if (code !== 0) throw new Error(output);
  const rows = [];
  for (const [job, { args, before }] of Object.entries(JOBS)) {
    const fresh = () => {
      for (const path of [run, `${run}.lock`]) rmSync(path, { recursive: true, force: true });
      before();
    };
    fresh();
    const undisturbed = await spurmem(args);
    if (undisturbed.code !== 0) throw new Error(undisturbed.output);
    const reference = `${run}.undisturbed`;
    rmSync(reference, { recursive: true, force: true });
    renameSync(run, reference);
    const counts = {
      job,
      ends: 0,
      stopped: 0,
      wrongCode: 0,
      halfWritten: 0,
      locked: 0,
      different: 0,
      left: 0,
    };
    for (; counts.ends < Number(values.ends) / 3; counts.ends += 1) {
      const how = ENDS[counts.ends % ENDS.length];
      fresh();
      const after = 1000 * undisturbed.seconds * (0.2 + 0.75 * uniformFloat64(random));
      const exit = await end(args, how, after);
      if (exit !== 0) counts.stopped += 1;
      if (!expected(how).includes(exit)) {
        counts.wrongCode += 1;
        console.log(`${job}, ${how} after ${Math.round(after)} ms: exit code ${exit}`);
      }
      if (existsSync(run)) counts.halfWritten += damaged(run).length;
      const resumed = await spurmem(args);
      if (/is writing to/.test(resumed.output)) counts.locked += 1;
      const differing = resumed.code === 0 ? differences(run, reference) : [resumed.output];
      if (differing.length > 0) {
        counts.different += 1;
        console.log(`${job}, ${how} after ${Math.round(after)} ms: ${differing.join(', ')}`);
      }
      counts.left += filesOf(run).filter((file) => file.endsWith('.tmp')).length;
    }
    rows.push(counts);
  }
  console.table(rows);
  const bad = rows.some(
    ({ wrongCode, halfWritten, locked, different, left }) =>
      wrongCode + halfWritten + locked + different + left > 0,
  );
  process.exitCode = bad ? 1 : 0;
} finally {
  remove();
}
