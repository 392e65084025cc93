import { existsSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, SpurmemError } from '../errors.js';
import { type Addon, addonInUse, native } from '../native/addon.js';
import { whyNoCuda } from '../native/device.js';
import { newerThanTested, places } from '../native/findLibtorch.js';
import { DEBIAN, describeLibtorch, type Libtorch } from '../native/libtorch.js';
import { packageVersion } from '../versions.js';

/** One thing that was checked. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warning' | 'error';
  readonly found: string;
  /** What to do about a warning or an error. */
  readonly fix?: string;
}

/** Reference BLAS stays below 10 GFLOP/s; an optimized one reaches more than this on a single modern core. */
const SLOW_GFLOPS = 15;
const FASHION_MNIST = '/usr/share/datasets/fashion-mnist';

/** For how long other work is watched, and how many cores of it count. */
const WATCH_MS = 300;
const NOTICED_CORES = 0.3;

/** Checks what spurmem needs on this machine. */
export async function diagnose(): Promise<Check[]> {
  // Before anything here computes.
  const others = await busyCores();
  return [
    { name: 'spurmem', status: 'ok', found: packageVersion() },
    {
      name: 'node',
      status: 'ok',
      found: `${process.versions.node}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB memory`,
    },
    othersCheck(others),
    ...(await diagnoseNative()),
    existsSync(FASHION_MNIST)
      ? { name: 'Fashion-MNIST', status: 'ok', found: FASHION_MNIST }
      : {
          name: 'Fashion-MNIST',
          status: 'warning',
          found: `not in ${FASHION_MNIST}`,
          fix: 'The dominoes benchmark needs it: apt-get install dataset-fashion-mnist, or name a folder with --fashion-mnist.',
        },
  ];
}

async function diagnoseNative(): Promise<Check[]> {
  try {
    const addon = native();
    const { path, libtorch } = addonInUse();
    const threads = await addon.configure(0);
    const n = 1024;
    const gflops = (2 * n ** 3) / (await matmulSeconds(n)) / 1e9;
    return [
      { name: 'addon', status: 'ok', found: path },
      libtorchCheck(libtorch, threads),
      operatorsCheck(addon),
      blasCheck(gflops, libtorch.root),
      cudaCheck(addon),
      {
        name: 'bf16',
        status: 'ok',
        found: addon.fastBf16
          ? 'computed by oneDNN'
          : 'not in this CPU: --precision bf16 is many times slower than fp32 here',
      },
    ];
  } catch (error) {
    const check = {
      name: 'addon',
      status: 'error',
      found: 'it does not load',
      fix: messageOf(error),
    } as const;
    return error instanceof SpurmemError
      ? [check, { name: 'libtorch', status: 'ok', found: placesText() }]
      : [check];
  }
}

function libtorchCheck(libtorch: Libtorch, threads: number): Check {
  const found = `${describeLibtorch(libtorch)}, ${threads} threads\n${placesText()}`;
  const fix = newerThanTested(libtorch);
  return fix === undefined
    ? { name: 'libtorch', status: 'ok', found }
    : { name: 'libtorch', status: 'warning', found, fix };
}

/** Where a libtorch is looked for, in its order. */
function placesText(): string {
  const lines = ['It is looked for in this order, and the first one is taken:'];
  try {
    for (const { name, says } of places()) lines.push(`${lines.length}. ${name}: ${says}`);
  } catch (error) {
    lines.push(messageOf(error));
  }
  return lines.join('\n');
}

function operatorsCheck(addon: Addon): Check {
  const operators = addon.operators();
  const found = operators.map(({ name, isFound }) => `${name} ${isFound ? 'found' : 'not found'}`).join('\n');
  const missing = operators.filter(({ isFound }) => !isFound);
  if (missing.length === 0) return { name: 'operators', status: 'ok', found };
  return {
    name: 'operators',
    status: 'warning',
    found,
    fix: missing.map(({ name, without }) => `Without ${name} ${without}.`).join('\n'),
  };
}

function cudaCheck(addon: Addon): Check {
  const { cudaDevices } = addon;
  if (cudaDevices === 0) {
    return { name: 'CUDA', status: 'ok', found: `${whyNoCuda()[0]}; --device auto uses the CPU` };
  }
  const gpu = addon.deviceMemory('cuda:0');
  const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(1);
  const memory = gpu === null ? '' : `, ${gpu.name} with ${gib(gpu.free)} of ${gib(gpu.total)} GiB free`;
  return { name: 'CUDA', status: 'ok', found: `${cudaDevices} devices; --device auto uses cuda:0${memory}` };
}

/** How many cores were busy while this process waited. */
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
  const found = `other processes keep ${busy.toFixed(1)} of ${availableParallelism()} cores busy`;
  if (busy < NOTICED_CORES) return { name: 'other work', status: 'ok', found };
  return {
    name: 'other work',
    status: 'warning',
    found,
    fix: 'Training beside it takes about twice as long, and timings say little: wait, or leave it cores with --threads.',
  };
}

/** Of the best of three float32 products of two n x n matrices. */
async function matmulSeconds(n: number): Promise<number> {
  const addon = native();
  using matrix = await addon.tensor(new Float32Array(n * n).fill(1), [n, n], 'cpu');
  let best = Infinity;
  for (let product = 0; product < 3; product += 1) {
    const start = performance.now();
    (await addon.matmul(matrix, matrix)).dispose();
    best = Math.min(best, (performance.now() - start) / 1000);
  }
  return best;
}

function blasCheck(gflops: number, root: string): Check {
  const found = `float32 matrix product at ${gflops.toFixed(0)} GFLOP/s`;
  if (gflops >= SLOW_GFLOPS) return { name: 'BLAS', status: 'ok', found };
  return root === DEBIAN
    ? {
        name: 'BLAS',
        status: 'warning',
        found: `${found}: that is reference BLAS`,
        fix: 'Training would be many times slower than it need be: apt-get install libopenblas0-openmp.',
      }
    : {
        name: 'BLAS',
        status: 'warning',
        found,
        fix: 'That is slow: other work has the cores, or the processor is emulated.',
      };
}
