import { join } from 'node:path';
import type { Architecture } from '../../src/models/architectures.js';
import { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { selectTopK } from '../../src/neurons/select.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, relativeDifference, report } from './compare.js';
import { THREADS, reference } from './python.js';

const folder = temporaryFolder();
const SEED = 5;
const CLASSES = 3;

interface Case {
  readonly arch: Architecture;
  readonly batch: number;
  readonly imageSize: [number, number];
  readonly patchSize: number;
  readonly layerNormEps: number;
}

const cases: Case[] = [
  { arch: 'vit_tiny_patch16_224', batch: 4, imageSize: [64, 32], patchSize: 8, layerNormEps: 1e-6 },
  { arch: 'vit_small_patch16_224', batch: 2, imageSize: [224, 224], patchSize: 16, layerNormEps: 1e-5 },
];

test.each(cases)('$arch, $imageSize px, patch $patchSize', async (given) => {
  const { arch, batch, imageSize, patchSize, layerNormEps } = given;
  const out = join(folder, `${arch}.safetensors`);
  reference('vit', [
    ...['--arch', arch, '--classes', CLASSES, '--seed', SEED, '--batch', batch, '--threads', THREADS],
    ...['--height', imageSize[0], '--width', imageSize[1], '--patch', patchSize, '--eps', layerNormEps],
    ...['--out', out],
  ]);
  const oracle = (await readSafetensors(out)).tensors;
  const expected = (name: string): TensorData => {
    const tensor = oracle[name];
    if (!tensor) throw new Error(`the reference wrote no ${name}`);
    return tensor;
  };
  await setThreads(THREADS);
  const generator = new (native().Generator)(SEED);
  using model = await Model.create({ ...given, numClasses: CLASSES, generator, device: 'cpu' });
  expect(model.numNeurons).toBe(expected('norms.weight').data.length);

  const state = await model.stateDict();
  const names = Object.keys(oracle).filter((name) => name.startsWith('init.'));
  expect(Object.keys(state).sort()).toEqual(names.map((name) => name.slice(5)).sort());
  const initial = Math.max(
    ...names.map((name) => maxDifference((state[name.slice(5)] as TensorData).data, expected(name).data)),
  );
  report(`${arch} initial weights, max difference`, initial, 0);
  expect(initial).toBe(0);

  using contiguous = await native().tensor(expected('input').data, expected('input').shape, 'cpu');
  using images = await contiguous.channelsLast();
  using labels = await native().tensor(expected('labels').data, [batch], 'cpu');
  using logits = await model.network.forward(images, false, true, null);
  const difference = relativeDifference(await logits.data(), expected('logits').data);
  report(`${arch} logits, relative difference`, difference, 1e-6);
  expect(difference).toBeLessThanOrEqual(1e-6);

  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const gradients = await model.network.gradients();
  let worst = 0;
  for (const [name, gradient] of Object.entries(gradients)) {
    worst = Math.max(worst, relativeDifference(await gradient.data(), expected(`grad.${name}`).data));
    gradient.dispose();
  }
  expect(Object.keys(gradients)).toHaveLength(model.description.parameters.length);
  report(`${arch} gradients, max relative difference`, worst, 1e-5);
  expect(worst).toBeLessThanOrEqual(1e-5);

  for (const kind of ['weight', 'gradient'] as const) {
    using norms = await model.network.neuronNorms(kind, 'neuron');
    const ours = (await norms.data()) as Float32Array;
    const theirs = expected(`norms.${kind}`).data as Float32Array;
    const seen = relativeDifference(ours, theirs);
    report(`${arch} neuron norms of ${kind}s, relative difference`, seen, 1e-6);
    expect(seen).toBeLessThanOrEqual(1e-6);
    const top = (scores: Float32Array): unknown =>
      selectTopK(scores, model.description.layers, 10).map(({ layer, index }) => [layer, index]);
    expect(top(ours)).toEqual(top(theirs));
  }

  const { stages } = model.description;
  const parts = await model.network.forwardStages(images, [...stages.keys()]);
  const whole = await parts.logits.data();
  for (const [stage, input] of parts.inputs.entries()) {
    using again = await model.network.forwardFrom(stage, input, null);
    expect(maxDifference(await again.data(), whole)).toBe(0);
    input.dispose();
  }
  parts.logits.dispose();
  const costs = await model.network.stageCosts(images);
  expect(costs).toHaveLength(stages.length);
  expect(Math.min(...costs)).toBeGreaterThan(0);
});
