import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { createModel } from '../../src/train/runModel.js';
import { bestOf, ermRun, lastOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle } from './oracle.js';
import { THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const base = new RunFolder(join(folder, 'base'));
const LAYERS = ['layer1.1.conv2', 'layer3.0.conv1'];
const settings = { epochs: 3, batchSize: 16, lr: 1e-3, seed: 5 };

/** The first draws of a run are its initial weights. */
async function stateAfterModel(): Promise<number[]> {
  const dataset = await tinyDominoes(data);
  using loader = await BatchLoader.open(dataset, { device: 'cpu' });
  const generator = new (native().Generator)(settings.seed);
  using _model = await createModel({ arch: 'resnet20', precision: 'fp32' }, loader, generator);
  return [...generator.getState()];
}

test('a memory planted in eleven neurons equals plain PyTorch: losses, and every weight to the bit', async () => {
  const { minorityGroups } = await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 1, batchSize: 42, lr: 1e-3, seed: 3, threads: THREADS } as const;
  await ermRun({ data, out: base.path, ...recipe, device: 'cpu', resume: false });
  const planted = new RunFolder(join(folder, 'planted'));
  await trainErm({
    ...settings,
    from: base.path,
    out: planted.path,
    trainable: LAYERS,
    trainableCount: 11,
    minorityPerBatch: 5,
    select: 'last',
    device: 'cpu',
    threads: THREADS,
  });
  const epochs = await planted.readMetrics();
  const places = epochs[0]?.trained?.neurons ?? [];
  expect(places).toHaveLength(11);
  const neurons = Object.fromEntries(
    LAYERS.map((layer) => [layer, places.filter((place) => place.layer === layer).map(({ index }) => index)]),
  );
  const expected = await askOracle('planting', {
    ...settings,
    data,
    arch: 'resnet20',
    classes: 2,
    weights: bestOf(base),
    neurons,
    minority: minorityGroups,
    batch: settings.batchSize,
    per_batch: 5,
    state: await stateAfterModel(),
  });
  const theirs = JSON.parse(expected.printed) as { trainLoss: number }[];
  const losses = epochs.map(({ trainLoss }, i) => Math.abs(trainLoss - (theirs[i]?.trainLoss ?? Number.NaN)));
  expectWithin('planting, training losses, difference', Math.max(...losses), 0);

  const ours = (await readSafetensors(lastOf(planted))).tensors;
  const before = (await readSafetensors(bestOf(base))).tensors;
  const differing = (name: string, other: TensorData): boolean =>
    maxDifference((ours[name] as TensorData).data, other.data) > 0;
  const worst = Object.entries(ours).map(([name, { data: own }]) => maxDifference(own, expected(name).data));
  expectWithin('planting, weights after three epochs, max difference', Math.max(...worst), 0);
  // All but these neurons is as it was.
  const changed = Object.entries(before).filter(([name, tensor]) => differing(name, tensor));
  expect(changed.map(([name]) => name)).toEqual(LAYERS.map((layer) => `${layer}.weight`));
  for (const layer of LAYERS) {
    const own = (ours[`${layer}.weight`] as TensorData).data as Float32Array;
    const start = (before[`${layer}.weight`] as TensorData).data as Float32Array;
    const each = own.length / ((ours[`${layer}.weight`] as TensorData).shape[0] ?? 0);
    const rows = Array.from({ length: own.length / each }, (_, row) => row);
    const moved = rows.filter((row) =>
      own.subarray(row * each, (row + 1) * each).some((value, i) => value !== start[row * each + i]),
    );
    expect([layer, moved]).toEqual([layer, neurons[layer]]);
  }
});
