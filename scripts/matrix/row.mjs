// One row of scripts/matrix.sh: builds the addon against the libtorch of LIBTORCH (or the one that is found), runs the tests that a
// libtorch may break, and measures a training step and an evaluation pass against its PyTorch. Writes docs/matrix/NAME.json.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { vectorInstructions } from '../../dist/machine.js';
import { compile } from '../../dist/native/install.js';
import { findLibtorch } from '../../dist/native/libtorch.js';

const [, , name] = process.argv;
const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'spurmem-matrix-'));
const libtorch = findLibtorch(undefined, true);
const { version, cuda, python } = libtorch;
const environment = {
  SPURMEM_ADDON: join(work, 'Release', 'spurmem.node'),
  SPURMEM_PYTHON: python,
  // A libtorch for CPUs leaves CUDA's key to the device for tests.
  SPURMEM_TEST_DEVICE: cuda === null ? 'cuda' : 'test',
};
const row = { name, version, cuda, cpu: vectorInstructions(), date: new Date().toISOString().slice(0, 10) };

/** The tests of one column. */
const SUITES = {
  native: ['test/native/(?!addonFiles|libtorch)'],
  resnet: ['test/parity/resnet'],
  finetune: ['test/parity/finetune'],
  resume: ['test/train/resume'],
  processes: ['test/cli/processes'],
  device: ['test/device'],
};

function run(program, args, own = {}) {
  return spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    // A hanging test must not block the machine.
    timeout: 1_800_000,
    killSignal: 'SIGKILL',
    env: { ...process.env, ...environment, ...own },
  });
}

/** `12 passed`, or the failed tests. */
function tests(column, patterns) {
  const results = join(work, `${column}.json`);
  const args = ['node_modules/jest/bin/jest.js', '--json', `--outputFile=${results}`, ...patterns];
  const options = '--experimental-vm-modules --no-warnings';
  const { stderr } = run(process.execPath, args, { NODE_OPTIONS: options, OMP_WAIT_POLICY: 'passive' });
  const lines = stderr.split('\n').filter((line) => /parity:|^(?:Tests|FAIL)|●/.test(line));
  console.error(lines.join('\n'));
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(results, 'utf8'));
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  return { passed: numPassedTests, failed: numFailedTests, names: failed };
}

function doctor() {
  const { stdout } = run(process.execPath, ['bin/spurmem.js', 'doctor', '--json']);
  const { checks } = JSON.parse(stdout);
  const found = (check) => checks.find((each) => each.name === check)?.found ?? '';
  return { loads: found('addon') === environment.SPURMEM_ADDON, operators: found('operators') };
}

/** Speed relative to that PyTorch, the median of three pairs. */
function speed() {
  const out = join(work, 'bench.json');
  const measured = ['--case', 'resnet18-erm-step', 'resnet18-forward'];
  const args = ['bench/dist/main.js', ...measured, '--repeats', '3', '--out', out];
  const { status, stderr } = run(process.execPath, args);
  if (status !== 0) return { error: stderr.trim().split('\n').at(-1) };
  const { cases } = JSON.parse(readFileSync(out, 'utf8'));
  return Object.fromEntries(cases.map(({ name: of, ratio }) => [of, ratio.median]));
}

try {
  const start = performance.now();
  await compile(work, libtorch);
  row.seconds = Math.round((performance.now() - start) / 1000);
  Object.assign(row, doctor());
  row.tests = Object.fromEntries(
    Object.entries(SUITES).map(([column, patterns]) => [column, tests(column, patterns)]),
  );
  row.speed = speed();
} catch (error) {
  row.error = error.message;
} finally {
  rmSync(work, { recursive: true, force: true });
}
mkdirSync(join(root, 'docs', 'matrix'), { recursive: true });
writeFileSync(join(root, 'docs', 'matrix', `${name}.json`), `${JSON.stringify(row, null, 2)}\n`);
console.log(JSON.stringify(row, null, 2));
