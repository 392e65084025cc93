import { join } from 'node:path';
import type { BenchCase, BenchPlace, SideSpec } from '../../bench/src/case.js';
import { computeCase } from '../../bench/src/cases/compute.js';
import { agreementOf, measureCase } from '../../bench/src/measure.js';
import { bestShareOf } from '../../bench/src/ratio.js';
import { failure } from '../data/support.js';
import { pythonProgram } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { tinyRun } from './support.js';

const folder = temporaryFolder();
const place: BenchPlace = { folder, run: undefined, device: 'cpu', threads: 1 };
const TINY = { arch: 'resnet18', size: 32, batch: 2, steps: 2 } as const;
const PYTORCH = { memoryFormat: 'channels_last', fused: true } as const;

test('a training step is measured in turn with PyTorch and the bare kernels', async () => {
  // Processor time is counted in hundredths of a second.
  const tiny = { ...computeCase('tiny', 'erm-step', TINY, PYTORCH), leastCpuSeconds: 0.1 };
  const result = await measureCase(tiny, place, 2);
  for (const side of [result.ours, result.rival, result.floor]) {
    expect(side?.seconds).toHaveLength(2);
    expect(Math.min(...(side?.seconds ?? [0]))).toBeGreaterThan(0);
    // Both hold libtorch and a network with Adam's moments.
    expect(side?.peakBytes).toBeGreaterThan(1e8);
    expect(side?.cpuSeconds).toBeGreaterThan(0);
  }
  expect(result.units).toBe(4);
  expect(result.ours.perSecond).toBeCloseTo(4 / result.ours.median, 9);
  expect(result.ratio.pairs).toEqual(
    result.ours.seconds.map((seconds, i) => (result.rival.seconds[i] as number) / seconds),
  );
  expect(Object.keys(result.floor?.measures ?? {})).toEqual(['layers GFLOP/s', 'matrix product GFLOP/s']);
  // The floor measures 2 images, the step 2 times 2.
  expect(result.floor?.share).toBeCloseTo((result.floor?.median ?? 0) / (result.ours.median / 2), 9);
  const [best = 0, ourBest = 0] = [result.floor, result.ours].map((side) =>
    Math.min(...(side?.seconds ?? [])),
  );
  expect(result.floor && bestShareOf(result.ours, result.floor)).toBeCloseTo(best / (ourBest / 2), 9);
});

test('variants together and each alone predict the same', async () => {
  const data = join(folder, 'data');
  const run = join(folder, 'run');
  await tinyRun(data, run);
  const settings = { run, split: 'train', criteria: ['magnitude', 'gradient'], topK: 3 };
  const side = (workload: string, more = {}): SideSpec => {
    return { program: 'spurmem', label: workload, workload, settings: { ...settings, ...more } };
  };
  const variants: BenchCase = {
    name: 'variants',
    description: '',
    unit: 'variants',
    repeats: 1,
    warmups: 0,
    leastCpuSeconds: 0,
    prepare: () =>
      Promise.resolve({
        ours: side('variants-together'),
        rival: side('variants-alone', { most: 8 }),
        agreement: 'right predictions',
      }),
  };
  const { agreement, ours, rival, units } = await measureCase(variants, place);
  expect(agreement).toEqual({ what: 'right predictions', compared: 8, different: [] });
  expect(units).toBe(20 * 4 * 2);
  expect(rival.scaled).toEqual({ measured: 8, of: 160, what: 'variants' });
  expect(ours.measures['cost.ratio']).toBeGreaterThan(0);
  expect(ours.measures['cost.ratio']).toBeLessThan(0.3);
});

test('outcomes that differ are named, and what the rival lacks is not compared', () => {
  const run = (outcome: Record<string, string>) => ({ seconds: 1, outcome });
  const ours = [run({ a: '3 of 4', b: '1 of 4', c: '0 of 4' })];
  const rival = [run({ a: '3 of 4', b: '2 of 4', d: '1 of 4' })];
  expect(agreementOf('predictions', ours, rival)).toEqual({
    what: 'predictions',
    compared: 3,
    different: ['b', 'd'],
  });
});

describe('a side that fails', () => {
  beforeAll(() => {
    process.env.SPURMEM_PYTHON = pythonProgram();
  });

  const withRival = (rival: SideSpec): BenchCase => ({
    name: 'broken',
    description: '',
    unit: 'images',
    repeats: 1,
    warmups: 0,
    leastCpuSeconds: 0,
    prepare: () =>
      Promise.resolve({
        ours: { program: 'spurmem', label: 'spurmem', workload: 'forward', settings: TINY },
        rival,
      }),
  });

  it('is named with what it said', async () => {
    const settings = { ...TINY, ...PYTORCH, arch: 'resnet19', work: 'forward' };
    const rival: SideSpec = { program: 'python', label: 'a bad one', script: 'bench_compute', settings };
    await failure(measureCase(withRival(rival), place), 'BENCH_FAILED', '"a bad one"', 'resnet19');
  });

  it('is named with its last words when its process ends', async () => {
    const script = '../../scripts/reference/erm';
    const rival: SideSpec = { program: 'python', label: 'an oracle', script, settings: {} };
    await failure(
      measureCase(withRival(rival), place),
      'BENCH_FAILED',
      '"an oracle"',
      'the following arguments are required',
    );
  });
});
