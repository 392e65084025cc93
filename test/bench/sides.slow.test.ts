import { join } from 'node:path';
import type { BenchPlace, SideSettings, SideSpec } from '../../bench/src/case.js';
import { CASES } from '../../bench/src/cases.js';
import { EAGER, TUNED } from '../../bench/src/cases/compute.js';
import { measureCase } from '../../bench/src/measure.js';
import { RESULTS } from '../../src/experiments/resultFiles.js';
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
  it.each([
    ['evaluation', 0],
    ['training', 2],
  ])('the pipeline, %s transforms, %d workers', async (transforms, workers) => {
    const settings = { data, batch: 16, training: transforms === 'training', workers };
    const { units, ours, rival } = await measure('pipeline', 'bench_pipeline', settings);
    expect(units).toBe(84);
    expect(Math.min(ours.median, rival.median)).toBeGreaterThan(0);
  });

  it.each([
    ['first', true, EAGER],
    ['later', false, TUNED],
  ])('the %s epoch of ERM', async (which, first, pytorch) => {
    const out = join(folder, which);
    const recipe = { ...pytorch, arch: 'resnet18', batchSize: 16, lr: 1e-3, threads: 1 };
    const { units, ours } = await measure(`${which}-epoch`, 'bench_erm', { ...recipe, data, out, first });
    expect(units).toBe(84 + 16);
    expect(ours.measures['event-loop delay p99 ms']).toBeGreaterThanOrEqual(0);
    expect(await new RunFolder(out).readMetrics()).toHaveLength(first ? 1 : 2);
  });

  it.each([
    ['structured', [1], 8],
    ['unstructured', [1, 2], 1e9],
  ] as const)('a trace as published, %s', async (kind, topK, most) => {
    const trace = { kind, criteria: ['gradient', 'magnitude'], topK, most };
    const sources = { run: run.path, weights: bestOf(run), data, arch: 'resnet18', batch: 16 };
    const { rival } = await measure('released-trace', 'bench_trace', { ...trace, ...sources });
    // Gradient: 20 convolutions for each of 4 groups; magnitude: 17 without shortcuts, for all groups alike.
    const scaled = kind === 'structured' ? { measured: 8, of: 97, what: 'variants' } : null;
    expect(rival.scaled).toEqual(scaled);
    const { name, schema } = kind === 'structured' ? RESULTS.layers : RESULTS.traces;
    expect(await run.readResult(name, schema)).toMatchObject({ protocol: 'released' });
  });

  it.each([
    [true, EAGER],
    [false, TUNED],
  ])('steps of fine-tuning, as published: %s', async (released, pytorch) => {
    const mask = [
      ['conv1', 7],
      ['layer3.0.conv2', 31],
    ];
    const settings = { ...pytorch, arch: 'resnet18', size: 32, batch: 4, steps: 2, mask, released };
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
