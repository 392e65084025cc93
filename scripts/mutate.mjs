// Tries whether the tests notice changes of behaviour (scripts/mutate/mutations.mjs), one at a time in a copy of the project:
//
//   node scripts/mutate.mjs [--tier check|whole] [--only N[,N]] [--list] [--out FILE]
//
// Each change is built and tested by the tests of scripts/test.sh (check) or by all (whole), up to the first file that fails.
// The test files of the changed file's folder go first, which changes no answer: all others follow until one fails. FILE, by default
// coverage/mutations-TIER.json, says what was noticed and by which file. What it has of the same change is not tried again, so that
// a run that was stopped goes on. Exits with 1 if one went unnoticed.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { clearTimeout, setTimeout } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTATIONS } from './mutate/mutations.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOUR = 3_600_000;
const { values: options } = parseArgs({
  options: {
    tier: { type: 'string', default: 'check' },
    only: { type: 'string' },
    list: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
/** The tests that run. */
let tests;
const tier = options.tier;
if (!['check', 'whole'].includes(tier)) throw new Error(`--tier is ${tier}: it takes check or whole.`);
const numbers = options.only?.split(',').map(Number) ?? MUTATIONS.map((_, i) => i + 1);
if (numbers.some((n) => MUTATIONS[n - 1] === undefined)) {
  throw new Error(`--only is ${options.only}: it takes numbers from 1 to ${MUTATIONS.length}.`);
}

requireTexts();
if (options.list) {
  for (const [i, { file, text, by }] of MUTATIONS.entries()) {
    console.log(`${i + 1}. ${file}: ${JSON.stringify(text)} -> ${JSON.stringify(by)}`);
  }
} else {
  await run();
}

/** Checks that every text occurs once in its file: sources change. */
function requireTexts() {
  const problems = MUTATIONS.flatMap(({ file, text, by }, i) => {
    const path = join(ROOT, file);
    const found = existsSync(path) ? readFileSync(path, 'utf8').split(text).length - 1 : 0;
    return found === 1 && text !== by ? [] : [`${i + 1}. ${file} has ${JSON.stringify(text)} ${found} times`];
  });
  if (problems.length > 0) throw new Error(`Mutations whose text is not found once:\n${problems.join('\n')}`);
}

async function run() {
  const out = options.out ?? join(ROOT, 'coverage', `mutations-${tier}.json`);
  const results = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : { tier, tried: [] };
  // Those of mutations that are no longer in the list do not count.
  results.tried = results.tried.filter((one) => MUTATIONS.some((mutation) => isSame(one, mutation)));
  const copy = join(mkdtempSync(join(tmpdir(), 'spurmem-mutate-')), 'spurmem');
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  process.once('exit', () => {
    stopTests();
    rmSync(dirname(copy), { recursive: true, force: true });
  });
  copyProject(copy);

  let isSound = false;
  for (const number of numbers) {
    const mutation = MUTATIONS[number - 1];
    if (results.tried.some((one) => isSame(one, mutation))) continue;
    // A tier that fails by itself notices everything.
    if (!isSound) {
      const failed = await tested(copy, mutation.file);
      if (failed.length > 0) throw new Error(`Without any change these fail: ${failed.join(', ')}`);
      isSound = true;
    }
    const path = join(copy, mutation.file);
    const whole = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      whole.replace(mutation.text, () => mutation.by),
    );
    const start = performance.now();
    const failed = await tested(copy, mutation.file);
    writeFileSync(path, whole);
    const seconds = Math.round((performance.now() - start) / 1000);
    const { file, text, by: replacement } = mutation;
    results.tried.push({ number, file, text, replacement, caught: failed.length > 0, by: failed, seconds });
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
    console.log(
      `${number}. ${mutation.file}: ${failed.length > 0 ? `noticed by ${failed.join(', ')}` : 'UNNOTICED'} (${seconds} s)`,
    );
  }
  const unnoticed = results.tried.filter(({ caught }) => !caught);
  console.log(`${results.tried.length} of ${MUTATIONS.length} tried, ${unnoticed.length} unnoticed: ${out}`);
  process.exitCode = unnoticed.length > 0 ? 1 : 0;
}

function isSame({ file, text, replacement }, mutation) {
  return file === mutation.file && text === mutation.text && replacement === mutation.by;
}

/** The project's files that git does not ignore, and the builds. */
function copyProject(copy) {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  }).split('\0');
  for (const file of files) {
    if (file === '' || !existsSync(join(ROOT, file))) continue;
    cpSync(join(ROOT, file), join(copy, file), { recursive: true, preserveTimestamps: true });
  }
  for (const name of ['node_modules', 'build', 'build-cmake']) {
    if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(copy, name));
  }
}

/** Ends the tests that run, with the workers that Jest leaves when it bails. */
function stopTests() {
  if (tests?.pid === undefined) return;
  try {
    process.kill(-tests.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Builds and tests the copy. Returns the test files that failed until it stopped. */
async function tested(copy, file) {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: copy, encoding: 'utf8' });
  // Both tiers check types.
  if (built.status !== 0) {
    console.log(`${file} does not compile:\n${built.stdout}${built.stderr}`);
    return ['the build'];
  }
  const sequencer = join(copy, 'scripts', 'mutate', 'sequencer.cjs');
  const files = tier === 'check' ? ['check'] : [];
  tests = spawn('scripts/jest.sh', [...files, '--bail', `--testSequencer=${sequencer}`], {
    cwd: copy,
    env: { ...process.env, SPURMEM_MUTATED: file },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A process group of their own, which ends as a whole.
    detached: true,
  });
  tests.once('exit', stopTests);
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    stopTests();
  }, HOUR);
  const [stderr, [status]] = await Promise.all([text(tests.stderr), once(tests, 'exit')]);
  clearTimeout(limit);
  tests = undefined;
  if (isLate) return ['no end within an hour'];
  // Jest that bails writes no results.
  const failed = [...new Set([...stderr.matchAll(/^FAIL (\S+)/gm)].map(([, name]) => name))];
  if ((status === 0) === (failed.length === 0)) return failed;
  throw new Error(`The tests did not run to their end:\n${stderr}`);
}
