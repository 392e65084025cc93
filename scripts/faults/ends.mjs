// Ends jobs by signals, a closed pipe and a closed terminal, while they decode, train, write, trace and report, and goes on with them:
// node scripts/faults/ends.mjs [--ends 60] [--seed 0]
// A job ends with the exit code of its signal, or by it, holds no lock afterwards, and resumed has the bits of an undisturbed one.
// Needs python3.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
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

const train = words`${trainArguments(data, run)} --epochs 3`;
const withoutStore = () => rmSync(join(data, '.spurmem'), { recursive: true, force: true });
const withRun = () => cpSync(source, run, { recursive: true });
const isWriting = (below) =>
  existsSync(below) && readdirSync(below, { recursive: true }).some((name) => name.endsWith('.tmp'));

/** Commands, the files before them, and the moment when they are ended (default: a random one). */
const JOBS = {
  // Sharp takes longer for these few images.
  decoding: {
    args: train,
    before: withoutStore,
    environment: { SPURMEM_DECODERS: 'off' },
    isThen: () => isWriting(join(data, '.spurmem')),
  },
  step: { args: train, before: () => undefined },
  // One of many.
  write: {
    args: train,
    before: () => undefined,
    isThen: () => isWriting(run) && uniformFloat64(random) < 0.05,
  },
  trace: { args: words`reproduce fig2 --run ${run} --threads 1 --quiet --null-draws 9`, before: withRun },
  report: { args: words`report --run ${run} --quiet`, before: withRun },
};
const SIGNALS = ['SIGHUP', 'SIGTERM', 'SIGINT', 'SIGQUIT'];
const ENDS = [...SIGNALS, 'closed pipe', 'closed terminal'];

/** Starts a command and ends it at a moment. Returns its exit code, or a shell's code for the signal that ended it. */
async function end(args, how, environment, moment) {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  const isTerminal = how === 'closed terminal';
  const command = [process.execPath, program, ...args];
  const [first, ...others] = isTerminal ? ['python3', '-c', TERMINAL, ...command] : command;
  const child = spawn(first, others, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (text) => (printed += text));
  child.stderr.resume();
  const ended = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]));
  });
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.stdin.on('error', () => undefined);
  const outcome = { isOver: false };
  ended.then(() => (outcome.isOver = true));
  await Promise.race([moment(outcome), ended]);
  if (isTerminal) {
    child.stdin.end('\n');
    await closed;
    return Number(printed);
  }
  if (how !== 'closed pipe') child.kill(how);
  else for (const stream of [child.stdout, child.stderr]) stream.destroy();
  return ended;
}

/** Runs a job in a terminal of its own, which closes at a line of input: the system sends SIGHUP. Prints the job's exit code. */
const TERMINAL = `
import os, pty, select, sys
pid, master = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    ready = select.select([0, master], [], [])[0]
    if 0 in ready:
        break
    try:
        os.read(master, 65536)
    except OSError:
        break
os.close(master)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(code if code >= 0 else 128 - code)`;

const expected = (how) =>
  how === 'closed pipe' ? [0] : [0, 128 + constants.signals[how === 'closed terminal' ? 'SIGHUP' : how]];

try {
  const { code, output } = await spurmem(words`${trainArguments(data, source)} --epochs 1`);
  if (code !== 0) throw new Error(output);
  const rows = [];
  for (const [job, { args, before, environment = {}, isThen }] of Object.entries(JOBS)) {
    const fresh = () => {
      for (const path of [run, `${run}.lock`]) rmSync(path, { recursive: true, force: true });
      before();
    };
    fresh();
    const undisturbed = await spurmem(args, { environment });
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
    for (; counts.ends < Number(values.ends) / Object.keys(JOBS).length; counts.ends += 1) {
      const how = ENDS[counts.ends % ENDS.length];
      fresh();
      const after = 1000 * undisturbed.seconds * (0.2 + 0.75 * uniformFloat64(random));
      const exit = await end(args, how, environment, async (outcome) => {
        if (isThen === undefined) await sleep(after);
        else while (!outcome.isOver && !isThen()) await sleep(1);
      });
      if (exit !== 0) counts.stopped += 1;
      if (!expected(how).includes(exit)) {
        counts.wrongCode += 1;
        console.log(`${job}, ${how}${isThen ? '' : ` after ${Math.round(after)} ms`}: exit code ${exit}`);
      }
      // By SIGQUIT nothing is released, and the next job takes the lock over.
      if (how !== 'SIGQUIT' && existsSync(`${run}.lock`)) counts.locked += 1;
      if (existsSync(run)) counts.halfWritten += damaged(run).length;
      const resumed = await spurmem(args, { environment });
      if (/is writing to/.test(resumed.output)) counts.locked += 1;
      const differing = resumed.code === 0 ? differences(run, reference) : [resumed.output];
      if (differing.length > 0) {
        counts.different += 1;
        console.log(
          `${job}, ${how}${isThen ? '' : ` after ${Math.round(after)} ms`}: ${differing.join(', ')}`,
        );
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
