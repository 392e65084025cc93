import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { createModel } from '../../src/train/runModel.js';
import { namedNeurons } from '../../src/train/trainable.js';
import { failure } from '../data/support.js';
import { bestOf, ermRun, lastOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle } from './oracle.js';
import { THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const base = new RunFolder(join(folder, 'base'));
const neurons = { 'layer1.1.conv2': [0, 3, 7], 'layer3.0.conv1': [2, 63] };
const settings = {
  from: base.path,
  trainable: [
    'layer1.1.conv2[3]',
    'layer1.1.conv2:0',
    'layer1.1.conv2[7]',
    'layer3.0.conv1[63]',
    'layer3.0.conv1[2]',
  ],
  epochs: 3,
  batchSize: 16,
  lr: 1e-3,
  seed: 5,
  select: 'last',
  device: 'cpu',
  threads: THREADS,
} as const;

/** The generator's state after a run's first draws, which are its initial weights. */
async function stateAfterModel(): Promise<number[]> {
  const dataset = await tinyDominoes(data);
  using loader = await BatchLoader.open(dataset, { device: 'cpu' });
  const generator = new (native().Generator)(settings.seed);
  using _model = await createModel({ arch: 'resnet20', precision: 'fp32' }, loader, generator);
  return [...generator.getState()];
}

/** The rows of a weight, one per neuron, that differ. */
function changedRows(one: TensorData, other: TensorData): number[] {
  const [a, b] = [one.data as Float32Array, other.data as Float32Array];
  const rows = one.shape[0] ?? 1;
  const each = a.length / rows;
  return Array.from({ length: rows }, (_, row) => row).filter((row) =>
    a.subarray(row * each, (row + 1) * each).some((value, i) => value !== b[row * each + i]),
  );
}

beforeAll(async () => {
  await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 1, batchSize: 42, lr: 1e-3, seed: 3, threads: THREADS } as const;
  await ermRun({ data, out: base.path, ...recipe, device: 'cpu', resume: false });
});

test('five neurons trained alone equal plain PyTorch: losses, and every weight to the bit', async () => {
  const run = new RunFolder(join(folder, 'run'));
  await trainErm({ ...settings, out: run.path });
  const expected = await askOracle('trainable', {
    ...settings,
    data,
    arch: 'resnet20',
    classes: 2,
    weights: bestOf(base),
    neurons,
    batch: settings.batchSize,
    state: await stateAfterModel(),
  });
  const theirs = JSON.parse(expected.printed) as number[];
  const losses = (await run.readMetrics()).map(({ trainLoss }, i) =>
    Math.abs(trainLoss - (theirs[i] ?? Number.NaN)),
  );
  expect(losses).toHaveLength(settings.epochs);
  expectWithin('trainable, training losses, difference', Math.max(...losses), 0);
  const ours = (await readSafetensors(lastOf(run))).tensors;
  const before = (await readSafetensors(bestOf(base))).tensors;
  const worst = Object.entries(ours).map(([name, { data: own }]) => maxDifference(own, expected(name).data));
  expectWithin('trainable, weights after three epochs, max difference', Math.max(...worst), 0);
  // All other weights, batch-norm among them, are as they were.
  const changed = Object.entries(before).flatMap(([name, tensor]) => {
    const rows = changedRows(tensor, ours[name] as TensorData);
    return rows.length === 0 ? [] : [[name.replace('.weight', ''), rows] as const];
  });
  expect(Object.fromEntries(changed)).toEqual(neurons);
});

test('neurons are named by layer, or one by one', () => {
  const layers = [
    { name: 'conv1', size: 4 },
    { name: 'layer1.0.conv1', size: 3 },
  ];
  const named = (names: string[]): string[] =>
    namedNeurons(names, layers).map(({ layer, index }) => `${layer}:${index}`);
  const some = named(['layer1.0.conv1[2]', 'conv1:3', 'conv1[0]', 'conv1:3']);
  expect(some).toEqual(['conv1:0', 'conv1:3', 'layer1.0.conv1:2']);
  expect(named(['layer1.0.conv1', 'layer1.0.conv1:1'])).toHaveLength(3);
});

test.each([
  [
    { trainable: ['layer9.0.conv1'] },
    'NEURONS_INVALID',
    'no layer of neurons named layer9.0.conv1. The nearest',
  ],
  [{ trainable: ['layer3.0.conv1[64]'] }, 'NEURONS_INVALID', 'has 64 neurons, and none is numbered 64'],
  [{ weightDecay: 1e-4 }, 'USAGE', 'would change neurons that'],
] as const)('%j is refused', async (changed, code, message) => {
  await failure(trainErm({ ...settings, out: join(folder, 'refused'), ...changed }), code, message);
});
