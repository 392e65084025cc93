// Plants faults in the addon, one at a time in a copy, and says whether the device for tests shows them:
//   node test/device/plant.mjs [--only N[,N]]
// Build the project, the addon and test/device first. Ends with 1 where a fault goes unnoticed.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildDominoes } from '../../dist/data/dominoes.js';
import { DEFAULT_DOMINOES } from '../../dist/data/dominoesSources.js';
import { PLANTS } from './plants.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const JOBS = ['erm', 'finetune-gradient', 'unstructured'];
const { values: options } = parseArgs({ options: { only: { type: 'string' } } });
const numbers = options.only?.split(',').map(Number) ?? PLANTS.map((_, i) => i + 1);
const folder = mkdtempSync(join(tmpdir(), 'spurmem-plants-'));
const copy = join(folder, 'checkout');

for (const { file, text } of PLANTS) {
  const found = readFileSync(join(ROOT, 'native', file), 'utf8').split(text).length - 1;
  if (found !== 1) throw new Error(`native/${file} has ${JSON.stringify(text)} ${found} times`);
}

function build() {
  execFileSync('cmake', ['--build', join(copy, 'out'), '-j', '1'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** The lines of a process that runs jobs on the device, and how it ended. */
async function linesOf(device, jobs, environment = {}) {
  const words = ['--require', join(ROOT, 'test/device/load.cjs'), join(ROOT, 'test/device/product.mjs')];
  const child = spawn(process.execPath, [...words, device, folder, ...jobs], {
    env: {
      ...process.env,
      SPURMEM_ADDON: join(copy, 'out/Release/spurmem.node'),
      OMP_NUM_THREADS: '1',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 120_000,
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const [code, signal] = await once(child, 'close');
  const lines = output.split('\n').filter((line) => line !== '');
  return [...lines.map((line) => JSON.parse(line)), { job: 'process', result: code ?? signal }];
}

/** The outcome of each job: its result, what went wrong, and where a lane waited. */
async function seen(jobs) {
  for (const name of ['test0', 'test1']) {
    for (const processes of [1, 2]) {
      for (const job of [...JOBS, ...jobs]) {
        rmSync(join(folder, `${name}-${processes}-${job}`), { recursive: true, force: true });
      }
    }
  }
  const lines = await (jobs.includes('two')
    ? inTwo()
    : jobs.includes('second')
      ? linesOf('test:1', ['erm'])
      : linesOf('test:0', jobs));
  return Object.fromEntries(
    lines.map(({ job, result, error, hazards = {}, faults = {}, waits = {}, launches = [] }, i) => [
      `${i} ${job}`,
      JSON.stringify({
        result: error ?? result,
        devices: launches.map((count) => count > 0),
        wrong: [...Object.keys(hazards), ...Object.keys(faults)],
        // How often the lane of arrivals waits depends on nobody's speed either, but stops nobody.
        waits: Object.fromEntries(Object.entries(waits).filter(([why]) => why !== 'an event, after nothing')),
      }),
    ]),
  );
}

async function inTwo() {
  const place = { MASTER_ADDR: '127.0.0.1', MASTER_PORT: '29871', WORLD_SIZE: '2' };
  const both = await Promise.all(
    ['0', '1'].map((rank) => linesOf('test:0', ['erm'], { ...place, RANK: rank, LOCAL_RANK: rank })),
  );
  return both.flat();
}

/** The first thing that differs from a run without a fault. */
function difference(before, after) {
  for (const [job, found] of Object.entries(after)) {
    if (found !== before[job]) return `${job.replace(/^\d+ /, '')}: ${found}`;
  }
  return Object.keys(before).length === Object.keys(after).length ? undefined : 'a job is missing';
}

let unnoticed = 0;
try {
  mkdirSync(copy);
  for (const name of ['native', 'CMakeLists.txt', 'package.json', 'scripts']) {
    cpSync(join(ROOT, name), join(copy, name), { recursive: true, preserveTimestamps: true });
  }
  for (const name of ['dist', 'node_modules']) symlinkSync(join(ROOT, name), join(copy, name));
  const counts = { train: [40, 12, 10, 30], val: [6, 6, 6, 6], test: [6, 6, 6, 6] };
  await buildDominoes(join(folder, 'data'), { ...DEFAULT_DOMINOES, counts, size: 32 });
  const where = ['-S', copy, '-B', join(copy, 'out'), '-G', 'Ninja'];
  const output = `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(copy, 'out/Release')}`;
  execFileSync('cmake', [...where, output], { stdio: ['ignore', 'ignore', 'inherit'] });
  build();
  const expected = {};
  for (const { jobs = JOBS } of numbers.map((number) => PLANTS[number - 1])) {
    expected[jobs.join()] ??= await seen(jobs);
  }
  for (const number of numbers) {
    const { what, file, text, by, jobs = JOBS } = PLANTS[number - 1];
    const path = join(copy, 'native', file);
    const source = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      source.replace(text, () => by),
    );
    build();
    const found = difference(expected[jobs.join()], await seen(jobs));
    writeFileSync(path, source);
    if (found === undefined) unnoticed += 1;
    console.log(
      `${found === undefined ? 'MISSED' : 'seen  '} ${number}. ${what}${found ? `: ${found.slice(0, 300)}` : ''}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(unnoticed > 0 ? 1 : 0);
