import { join } from 'node:path';
import { DEFAULT_DOMINOES } from '../../src/data/dominoes.js';
import { compareWithRandom, nullDistribution } from '../../src/experiments/controls.js';
import { randomNeuronsByLayer } from '../../src/neurons/randomNeurons.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluate } from '../../src/metrics/evaluate.js';
import { native } from '../../src/native/addon.js';
import { ZERO, maskNeurons } from '../../src/neurons/perturb.js';
import { dominoes } from '../fixtures.js';
import { trainErm } from '../../src/train/methods.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const common = { seed: 3, device: 'cpu', threads: 0 };
const all = { controls: 20, controlSamples: 1000 };

beforeAll(async () => {
  const counts = { train: [60, 20, 12, 40], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
  await dominoes(data, { ...DEFAULT_DOMINOES, counts, size: 32 });
  await trainErm({
    ...common,
    ...{ data, out: run, arch: 'resnet18', epochs: 2, batchSize: 32, lr: 1e-3, resume: false },
  });
});

test('draws are distinct neurons of the layers asked for, each equally likely', () => {
  const layers = [
    { name: 'a', size: 5 },
    { name: 'b', size: 3 },
  ];
  const generator = new (native().Generator)(0);
  const seen = new Map<string, number>();
  const counts = new Map([
    ['a', 2],
    ['b', 1],
  ]);
  for (let draw = 0; draw < 3000; draw += 1) {
    const drawn = randomNeuronsByLayer(counts, layers, generator).map(
      ({ layer, index }) => `${layer}${index}`,
    );
    expect(new Set(drawn).size).toBe(3);
    for (const name of drawn) seen.set(name, (seen.get(name) ?? 0) + 1);
  }
  for (const index of [0, 1, 2, 3, 4])
    expect(Math.abs((seen.get(`a${index}`) ?? 0) / 1200 - 1)).toBeLessThan(0.1);
  for (const index of [0, 1, 2]) expect(Math.abs((seen.get(`b${index}`) ?? 0) / 1000 - 1)).toBeLessThan(0.1);
});

test('the p-value counts draws that changed as much, in either direction', () => {
  const drawn = [0, 0, 0.1, -0.2, 0.3, -0.4, 0, 0, 0];
  expect(nullDistribution(-0.2, drawn).pValue).toBe(4 / 10);
  expect(nullDistribution(0.5, drawn).pValue).toBe(1 / 10);
  expect(nullDistribution(0, drawn).pValue).toBe(1);
  expect(nullDistribution(0.3, [0.1 + 0.2]).pValue).toBe(1);
});

test('the distribution is that of evaluating each draw alone', async () => {
  using session = await TraceSession.open({ ...common, run });
  const { dataset, model, loader } = session;
  const sets = [
    {
      neurons: [
        { layer: 'layer1.0.conv1', index: 3 },
        { layer: 'conv1', index: 1 },
      ],
      groups: [0, 1, 2, 3],
      perturbation: ZERO,
    },
  ];
  const live = native().liveTensors();
  const controls = await compareWithRandom(session, dataset.splits.train, sets, all);
  expect(native().liveTensors()).toBe(live);

  const generator = new (native().Generator)(common.seed);
  const counts = new Map([
    ['conv1', 1],
    ['layer1.0.conv1', 1],
  ]);
  const job = { batchSize: 32, task: 'alone' };
  const before = (await evaluate(model, loader, dataset.splits.train, job)).accuracies.accuracy;
  const changesOf = async (neurons: Parameters<typeof maskNeurons>[0]): Promise<number[]> => {
    const { accuracies } = await whilePerturbed(model, maskNeurons(neurons).edits, () =>
      evaluate(model, loader, dataset.splits.train, job),
    );
    return accuracies.accuracy.map((value, g) => value - (before[g] ?? 0));
  };
  const drawn: number[][] = [];
  for (let draw = 0; draw < all.controls; draw += 1) {
    drawn.push(await changesOf(randomNeuronsByLayer(counts, session.unitLayers, generator)));
  }
  const chosen = await changesOf(sets[0]?.neurons ?? []);
  expect(drawn.flat().some((change) => change !== 0)).toBe(true);
  for (const [g, change] of chosen.entries()) {
    const found = controls?.distributions[0]?.[g];
    const expected = nullDistribution(
      change,
      drawn.map((row) => row[g] ?? Number.NaN),
    );
    expect(found?.pValue).toBe(expected.pValue);
    expect(found?.change).toBeCloseTo(expected.change, 12);
    expect(found?.mean).toBeCloseTo(expected.mean, 12);
    expect(found?.interval[0]).toBeCloseTo(expected.interval[0], 12);
    expect(found?.interval[1]).toBeCloseTo(expected.interval[1], 12);
  }
  expect(await compareWithRandom(session, dataset.splits.train, sets, { ...all, controls: 0 })).toBeNull();
  await expect(
    compareWithRandom(session, dataset.splits.train, sets, { ...all, controls: -1 }),
  ).rejects.toThrow(/`controls` is -1: it takes a whole number of at least 0/);
});

test('every trace has them, and the same seed gives the same', async () => {
  const controls = { controls: 5, controlSamples: 8 };
  const options = { ...common, run, criteria: ['magnitude'] as const, topK: [1], ...controls };
  const result = await traceUnstructured({ ...options, perturbation: 'noise', sigmas: [0.5], repeats: 2 });
  expect(result.controls).toMatchObject({ draws: 5, samplesPerGroup: 8 });
  for (const entry of result.entries) {
    expect(entry.controls).toHaveLength(4);
    for (const { pValue, interval } of entry.controls ?? []) {
      expect(pValue).toBeGreaterThanOrEqual(1 / 6);
      expect(pValue).toBeLessThanOrEqual(1);
      expect(interval[0]).toBeLessThanOrEqual(interval[1]);
    }
  }
  expect(await traceUnstructured({ ...options, perturbation: 'noise', sigmas: [0.5], repeats: 2 })).toEqual(
    result,
  );

  const layers = await traceStructured(options);
  expect(layers.entries.every(({ controls: found }) => (found?.pValue ?? 0) >= 1 / 6)).toBe(true);
  expect((await traceStructured({ ...options, controls: 0 })).controls).toBeNull();
});
