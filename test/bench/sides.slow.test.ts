import { join } from 'node:path';
import type { BenchPlace, SideSettings, SideSpec } from '../../bench/src/case.js';
import { CASES } from '../../bench/src/cases.js';
import { EAGER, TUNED } from '../../bench/src/cases/compute.js';
import { measureCase } from '../../bench/src/measure.js';
import { readOf } from '../../src/experiments/resultFiles.js';
import { structured } from '../../src/experiments/traces.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { bestOf } from '../fixtures.js';
import { pythonProgram } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { tinyRun } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'data');
const run = new RunFolder(join(folder, 'run'));
const place: BenchPlace = { folder, run: undefined, device: 'cpu', threads: 1 };

beforeAll(async () => {
  // Only that both sides run is tested, not what they measure.
  process.env.SPURMEM_PYTHON = pythonProgram();
  await tinyRun(data, run.path);
});

/** Measures two sides with the same small settings, one pair of repeats. */
async function measure(workload: string, script: string, settings: SideSettings) {
  const ours: SideSpec = { program: 'spurmem', label: 'ours', workload, settings };
  const rival: SideSpec = { program: 'python', label: 'rival', script, settings };
  return measureCase(
    {
      name: workload,
      description: '',
      unit: 'images',
      repeats: 1,
      warmups: 0,
      leastCpuSeconds: 0,
      prepare: () => Promise.resolve({ ours, rival }),
    },
    place,
  );
}

describe('both sides run on small data:', () => {
  it('the pipeline of training with two workers', async () => {
    const settings = { data, batch: 16, training: true, workers: 2 };
    const { units, ours, rival } = await measure('pipeline', 'bench_pipeline', settings);
    expect(units).toBe(36);
    expect(Math.min(ours.median, rival.median)).toBeGreaterThan(0);
  });

  it('the later epoch of ERM', async () => {
    const out = join(folder, 'later');
    const recipe = { ...TUNED, arch: 'resnet18', batchSize: 16, lr: 1e-3, threads: 1 };
    const { units, ours } = await measure('later-epoch', 'bench_erm', { ...recipe, data, out, first: false });
    expect(units).toBe(36 + 16);
    expect(ours.measures['event-loop delay p99 ms']).toBeGreaterThanOrEqual(0);
    expect(await new RunFolder(out).readMetrics()).toHaveLength(2);
  });

  it('a structured trace as published', async () => {
    const trace = { kind: 'structured', criteria: ['gradient', 'magnitude'], topK: [1], most: 8 };
    const sources = { run: run.path, weights: bestOf(run), data, arch: 'resnet18', batch: 16 };
    const { rival } = await measure('released-trace', 'bench_trace', { ...trace, ...sources });
    // Gradient: 20 convolutions for each of 4 groups; magnitude: 17 without shortcuts, for all groups alike.
    expect(rival.scaled).toEqual({ measured: 8, of: 97, what: 'variants' });
    expect(await readOf(run, structured)).toMatchObject({ protocol: 'released' });
  });

  it('steps of fine-tuning, as published', async () => {
    const mask = [
      ['conv1', 7],
      ['layer3.0.conv2', 31],
    ];
    const settings = { ...EAGER, arch: 'resnet18', size: 32, batch: 4, steps: 2, mask, released: true };
    const { units, ours, rival } = await measure('finetune-step', 'bench_finetune', settings);
    expect(units).toBe(8);
    expect(Math.min(ours.median, rival.median)).toBeGreaterThan(0);
  });

  it.each([true, false])('norms of gradients, one by one: %s', async (oneByOne) => {
    const settings = {
      arch: 'resnet18',
      size: 32,
      batch: 2,
      steps: 2,
      memoryFormat: 'channels_last',
      oneByOne,
    };
    const { units } = await measure('neuron-norms', 'bench_compute', { ...settings, work: 'neuron-norms' });
    expect(units).toBe(2 * 4800);
  });
});

test('cases have names of their own, in one style', () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
});
