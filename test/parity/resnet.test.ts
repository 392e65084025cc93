import { join } from 'node:path';
import { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import type { Architecture } from '../../src/models/architectures.js';
import { native, type MemoryFormat } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { selectTopK } from '../../src/neurons/select.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, relativeDifference, report } from './compare.js';
import { THREADS, reference } from './python.js';

const folder = temporaryFolder();
const SEED = 7;
const CLASSES = 3;

interface Case {
  readonly arch: Architecture;
  readonly memoryFormat: MemoryFormat;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

const cases: Case[] = [
  { arch: 'resnet18', memoryFormat: 'channels_last', batch: 16, height: 64, width: 32 },
  { arch: 'resnet34', memoryFormat: 'channels_last', batch: 8, height: 64, width: 64 },
  { arch: 'resnet50', memoryFormat: 'channels_last', batch: 4, height: 128, width: 96 },
  { arch: 'resnet50', memoryFormat: 'contiguous', batch: 2, height: 224, width: 224 },
];

describe.each(cases)('$arch, $memoryFormat, $batch x $height x $width', (given) => {
  const { arch, memoryFormat } = given;
  let oracle: Readonly<Record<string, TensorData>>;
  let model: Model;
  let state: Record<string, TensorData>;

  beforeAll(async () => {
    const out = join(folder, `${arch}-${memoryFormat}.safetensors`);
    reference('resnet', [
      ...['--arch', arch, '--classes', CLASSES, '--seed', SEED, '--memory-format', memoryFormat],
      ...['--batch', given.batch, '--height', given.height, '--width', given.width],
      ...['--threads', THREADS, '--out', out],
    ]);
    oracle = (await readSafetensors(out)).tensors;
    await setThreads(THREADS);
    const generator = new (native().Generator)(SEED);
    model = await Model.create({ arch, numClasses: CLASSES, generator, device: 'cpu', memoryFormat });
    state = await model.stateDict();
  });

  afterAll(() => {
    model[Symbol.dispose]();
  });

  const expected = (name: string): TensorData => {
    const tensor = oracle[name];
    if (!tensor) throw new Error(`the reference wrote no ${name}`);
    return tensor;
  };

  test('initial weights of a seed equal torchvision\u2019s, name by name', () => {
    const names = Object.keys(oracle).filter((name) => name.startsWith('init.'));
    expect(Object.keys(state).sort()).toEqual(names.map((name) => name.slice(5)).sort());
    const worst = Math.max(
      ...names.map((name) => maxDifference((state[name.slice(5)] as TensorData).data, expected(name).data)),
    );
    report(`${arch} initial weights, max difference`, worst, 0);
    expect(worst).toBe(0);
  });

  test('logits, gradients and neuron norms equal PyTorch\u2019s', async () => {
    const { shape, data } = expected('input');
    using contiguous = await native().tensor(data, shape, 'cpu');
    using images = memoryFormat === 'channels_last' ? await contiguous.channelsLast() : contiguous;
    using labels = await native().tensor(expected('labels').data, [given.batch], 'cpu');

    using trainLogits = await model.network.forward(images, true, false, null);
    using logits = await model.network.forward(images, false, true, null);
    const inTraining = maxDifference(await trainLogits.data(), expected('logits.train').data);
    const inEval = maxDifference(await logits.data(), expected('logits.eval').data);
    report(`${arch} logits in training mode, max difference`, inTraining, 0);
    report(`${arch} logits in eval mode, max difference`, inEval, 0);
    expect(inTraining).toBe(0);
    expect(inEval).toBe(0);

    using loss = await native().crossEntropy(logits, labels, 'mean');
    await loss.backward();
    const gradients = await model.network.gradients();
    let worst = 0;
    for (const [name, gradient] of Object.entries(gradients)) {
      worst = Math.max(worst, relativeDifference(await gradient.data(), expected(`grad.${name}`).data));
      gradient.dispose();
    }
    expect(Object.keys(gradients)).toHaveLength(model.description.parameters.length);
    report(`${arch} gradients, max relative difference`, worst, 1e-6);
    expect(worst).toBeLessThanOrEqual(1e-6);

    for (const kind of ['weight', 'gradient'] as const) {
      using norms = await model.network.neuronNorms(kind, 'neuron');
      const ours = (await norms.data()) as Float32Array;
      const theirs = expected(`norms.${kind}`).data as Float32Array;
      const difference = relativeDifference(ours, theirs);
      report(`${arch} neuron norms of ${kind}s, relative difference`, difference, 1e-6);
      expect(difference).toBeLessThanOrEqual(1e-6);
      const { layers } = model.description;
      const names = (scores: Float32Array): string[] =>
        selectTopK(scores, layers, 10).map(({ layer, index }) => `${layer}[${index}]`);
      expect(names(ours)).toEqual(names(theirs));
    }
    await model.network.zeroGrad();
  });

  test('stages: running from each stage\u2019s input gives the same logits', async () => {
    const { shape, data } = expected('input');
    using contiguous = await native().tensor(data, shape, 'cpu');
    using images = memoryFormat === 'channels_last' ? await contiguous.channelsLast() : contiguous;
    const { stages } = model.description;
    const { logits, inputs } = await model.network.forwardStages(images, [...stages.keys()]);
    const whole = await logits.data();
    for (const [stage, input] of inputs.entries()) {
      using again = await model.network.forwardFrom(stage, input, null);
      expect(maxDifference(await again.data(), whole)).toBe(0);
      input.dispose();
    }
    logits.dispose();
  });
});
