import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { messageOf, SpurmemError } from '../../errors.js';
import { addonInUse, loadDecoders, native } from '../../native/addon.js';
import { whyNoCuda } from '../../native/engine.js';
import type { Addon } from '../../native/interface.js';
import {
  DEBIAN,
  describeLibtorch,
  isForCpuAlone,
  type Libtorch,
  newerThanTested,
  ownEnvironment,
  type Place,
  places,
} from '../../native/libtorch.js';
import { packageVersion } from '../../versions.js';
import { addJob } from '../job.js';

const SIGNS = { ok: 'ok  ', warning: 'WARN', error: 'FAIL' } as const;

/** The result of one check. */
interface Check {
  readonly name: string;
  readonly status: keyof typeof SIGNS;
  readonly found: string;
  /** Advice for a warning or an error. */
  readonly fix?: string | undefined;
}

/** Reference BLAS stays below 10 GFLOP/s; an optimized one reaches more than this on a single modern core. */
const SLOW_GFLOPS = 15;
const FASHION_MNIST = '/usr/share/datasets/fashion-mnist';

/** The time for which other load is watched, and the min number of busy cores to report. */
const WATCH_MS = 300;
const NOTICED_CORES = 0.3;

export function addCommand(command: Command): void {
  addJob(command, [], async (_options, output) => {
    // Before this process computes anything.
    const others = await busyCores();
    const checks = [
      check('spurmem', packageVersion()),
      check(
        'node',
        `${process.versions.node}, ${availableParallelism()} cores, ${gib(totalmem())} GiB memory`,
      ),
      othersCheck(others),
      ...(await nativeChecks()),
      existsSync(FASHION_MNIST)
        ? check('Fashion-MNIST', FASHION_MNIST)
        : check(
            'Fashion-MNIST',
            `not in ${FASHION_MNIST}`,
            'The dominoes benchmark needs it: apt-get install dataset-fashion-mnist, or name a folder with --fashion-mnist.',
          ),
    ];
    const lines = checks.map(({ status, name, found, fix }) =>
      [`${SIGNS[status]} ${name}: ${found}`, ...(fix === undefined ? [] : [fix])]
        .join('\n')
        .replaceAll('\n', '\n       '),
    );
    output.result(lines.join('\n'), { checks });
    if (checks.some(({ status }) => status === 'error')) process.exitCode = 1;
  });
}

/** Returns a check; with a fix, a warning. */
function check(name: string, found: string, fix?: string): Check {
  return { name, status: fix === undefined ? 'ok' : 'warning', found, fix };
}

async function nativeChecks(): Promise<Check[]> {
  try {
    const addon = native();
    const { path, libtorch } = addonInUse();
    const threads = await addon.configure(0);
    const searched = searchedPlaces();
    return [
      check('addon', path),
      check(
        'libtorch',
        `${describeLibtorch(libtorch)}, ${threads} threads\n${placesText(searched, libtorch)}`,
        anotherThanFirst(libtorch, searched) ?? newerThanTested(libtorch),
      ),
      operatorsCheck(addon),
      await blasCheck(addon, libtorch.root),
      decodersCheck(),
      check('CUDA', cudaText(addon)),
      check(
        'bf16',
        addon.fastBf16
          ? 'computed by oneDNN'
          : 'not in this CPU: --precision bf16 is many times slower than fp32 here',
      ),
    ];
  } catch (error) {
    const failed: Check = {
      name: 'addon',
      status: 'error',
      found: 'it does not load',
      fix: messageOf(error),
    };
    return error instanceof SpurmemError
      ? [failed, check('libtorch', placesText(searchedPlaces()))]
      : [failed];
  }
}

/** Returns advice if the addon was built for another libtorch than the first one found, as a checkout's may be. */
function anotherThanFirst({ root }: Libtorch, searched: readonly Place[]): string | undefined {
  const { LIBTORCH = '' } = process.env;
  const first = searched.find(({ found }) => found !== undefined)?.found?.root ?? LIBTORCH;
  if (first === '' || first === root) return undefined;
  return `The first one found is not the one that the addon was built for, which stays in use: scripts/setup.sh builds for ${first}.`;
}

/** Returns the places of a libtorch in order, or those before one that is an error, and the error. Each look starts Python. */
function searchedPlaces(): Place[] {
  const found: Place[] = [];
  try {
    for (const place of places()) found.push(place);
  } catch (error) {
    found.push({ name: 'error', found: undefined, says: messageOf(error) });
  }
  return found;
}

/** Describes the searched places of a libtorch, and marks the one that is used. */
function placesText(searched: readonly Place[], used?: Libtorch): string {
  const lines = searched.map(
    ({ name, found, says }, at) =>
      `${at + 1}. ${name}: ${says}${found !== undefined && found.root === used?.root ? ' (used)' : ''}`,
  );
  return ['Searched in this order:', ...lines].join('\n');
}

function operatorsCheck(addon: Addon): Check {
  const operators = addon.operators();
  const found = operators.map(({ name, isFound }) => `${name} ${isFound ? 'found' : 'not found'}`).join('\n');
  const missing = operators.filter(({ isFound }) => !isFound);
  const fix = missing.map(({ name, without }) => `Without ${name} ${without}.`).join('\n');
  return check('operators', found, fix === '' ? undefined : fix);
}

function decodersCheck(): Check {
  const { jpeg, png } = loadDecoders();
  const isWhole = jpeg !== null && png !== null;
  return check(
    'image decoders',
    `JPEG by ${jpeg ?? 'sharp'}\nPNG by ${png ?? 'sharp'}`,
    isWhole
      ? undefined
      : 'sharp alone takes several times as long to decode a data set: apt-get install libturbojpeg0 libspng0, or what brings libturbojpeg.so.0 and libspng.so.0.',
  );
}

function cudaText(addon: Addon): string {
  const cudaDevices = addon.accelerators().find(({ name }) => name === 'cuda')?.devices ?? 0;
  if (cudaDevices === 0) {
    const { root } = addonInUse().libtorch;
    const isLean = isForCpuAlone() && root.startsWith(ownEnvironment());
    const rest = isLean
      ? '; a GPU takes the rest of CUDA\u2019s libraries: npx spurmem build --gpu (2.5 GB)'
      : '';
    return `${whyNoCuda()[0]}; --device auto uses the CPU${rest}`;
  }
  const gpu = addon.deviceMemory('cuda:0');
  const memory = gpu === null ? '' : `, ${gpu.name} with ${gib(gpu.free)} of ${gib(gpu.total)} GiB free`;
  return `${cudaDevices} devices; --device auto uses cuda:0${memory}`;
}

function gib(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

/** Returns the number of cores that were busy while this process waited. */
async function busyCores(): Promise<number> {
  const before = cpus();
  await sleep(WATCH_MS);
  const total = (times: Readonly<Record<string, number>>): number =>
    Object.values(times).reduce((sum, time) => sum + time, 0);
  return cpus().reduce((busy, { times }, core) => {
    const earlier = before[core]?.times ?? times;
    const passed = total(times) - total(earlier);
    return busy + (passed > 0 ? 1 - (times.idle - earlier.idle) / passed : 0);
  }, 0);
}

function othersCheck(busy: number): Check {
  return check(
    'other work',
    `other processes keep ${busy.toFixed(1)} of ${availableParallelism()} cores busy`,
    busy < NOTICED_CORES
      ? undefined
      : 'Training meanwhile takes about twice as long, and timings mean little: wait, or leave it cores with --threads.',
  );
}

/** Measures the best of three float32 matrix products. */
async function blasCheck(addon: Addon, root: string): Promise<Check> {
  const n = 1024;
  using matrix = await addon.tensor(new Float32Array(n * n).fill(1), [n, n], 'cpu');
  let seconds = Infinity;
  for (let product = 0; product < 3; product += 1) {
    const start = performance.now();
    (await addon.matmul(matrix, matrix)).dispose();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  const gflops = (2 * n ** 3) / seconds / 1e9;
  const found = `float32 matrix product at ${gflops.toFixed(0)} GFLOP/s`;
  if (gflops >= SLOW_GFLOPS) return check('BLAS', found);
  return root === DEBIAN
    ? check(
        'BLAS',
        `${found}: that is reference BLAS`,
        'Training would be many times slower than necessary: apt-get install libopenblas0-openmp.',
      )
    : check('BLAS', found, 'That is slow: other work occupies the cores, or the processor is emulated.');
}
