// Draws from all attacks of the project for the given time, each at least once: node scripts/faults/attack.mjs [MINUTES] [SEED]
// Each attack is a process that exits with 0 if all is well; otherwise its seed is printed, which repeats it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xorshift128plus } from 'pure-rand/generator/xorshift128plus';

const [minutes = 10, seed = Math.floor(Math.random() * 2 ** 31)] = process.argv.slice(2).map(Number);
const root = fileURLToPath(new URL('../..', import.meta.url));
const random = xorshift128plus(seed);
const draw = (most) => uniformInt(random, 0, most - 1);
const one = (...items) => items[draw(items.length)];
const scratch = mkdtempSync(join(tmpdir(), 'spurmem-attack-'));
const faults = (name, ...args) => [`scripts/faults/${name}.mjs`, ...args.map(String)];

/** The arguments of Node.js, by the attack's seed. */
const ATTACKS = {
  'kills and resumes': (own) =>
    faults(
      'killResume',
      '--kills',
      2,
      '--seed',
      own,
      one('erm', 'finetune', 'groupdro', 'jtt', 'cnc', 'store', 'report', 'fetch', 'download', 'weights'),
    ),
  'kills of traces and studies': (own) =>
    faults('killResume', '--kills', 1, '--seed', own, one('trace', 'study', 'part2')),
  'writes that fail': () =>
    faults(
      'disks',
      '--from',
      1 + draw(120),
      '--stride',
      120,
      one('checkpoint', 'first', 'cnc', 'store', 'report'),
    ),
  'signals, closed pipes and terminals': (own) => faults('ends', '--ends', 6, '--seed', own),
  'bits that change': (own) => faults('flips', '--seed', own),
  'two processes on one run': () => faults('twoProcesses'),
  'paths, time zones, clocks': () => faults('machine', one('paths', 'zones', 'clock', 'files')),
  'hostile calls of the addon': (own) => [
    'test/native/hostileCalls.mjs',
    String(own),
    '2000',
    join(scratch, 'call'),
  ],
  'terminated workers': () => ['test/native/workers.mjs', '5'],
  'damaged files': () => ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', 'test/fuzz'],
};
/** Other exit codes of an attack that went well. */
const WELL = { 'terminated workers': 5 };

const rows = Object.keys(ATTACKS).map((attack) => ({ attack, rounds: 0, failed: 0, seconds: 0 }));
console.log(`seed ${seed}, ${minutes} minutes`);
const end = performance.now() + 60_000 * minutes;
while (performance.now() < end || rows.some(({ rounds }) => rounds === 0)) {
  // Each once, in random order, and then any.
  const open = rows.filter(({ rounds }) => rounds === 0);
  const row = one(...(open.length > 0 ? open : rows));
  const own = draw(2 ** 31);
  const args = ATTACKS[row.attack](own);
  const env = { ...process.env, NODE_OPTIONS: '--no-warnings', SPURMEM_FUZZ_SEED: String(own) };
  const started = performance.now();
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env,
    // An attack that hangs has failed as well.
    timeout: 3_600_000,
    killSignal: 'SIGKILL',
    maxBuffer: 2 ** 28,
  });
  row.rounds += 1;
  row.seconds += Math.round((performance.now() - started) / 1000);
  if (status === (WELL[row.attack] ?? 0)) continue;
  row.failed += 1;
  console.log(`${row.attack} failed (${signal ?? status}): SPURMEM_FUZZ_SEED=${own} node ${args.join(' ')}`);
  console.log(`${stdout}\n${stderr}`.trim().split('\n').slice(-40).join('\n'));
}
rmSync(scratch, { recursive: true, force: true });
console.table(rows);
process.exitCode = rows.some(({ failed }) => failed > 0) ? 1 : 0;
