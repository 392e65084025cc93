import type { Model } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import type { Precision, Tensor, WeightEdit } from '../../src/native/interface.js';
import { Adam } from '../../src/train/adam.js';
import { node } from '../cli/support.js';
import { imagesOf, labelsOf, newModel } from '../networks.js';
import { expectWithin, relativeDifference } from '../parity/compare.js';
import { whilePerturbed } from '../perturbed.js';

const SEED = 5;
/** The last block sees 2 x 1 pixels, or one. */
const LARGE = [8, 3, 64, 32] as const;
const SMALL = [8, 3, 32, 16] as const;
type Shape = typeof LARGE | typeof SMALL;

/** A model whose batch-norm layers do something, and images. */
async function prepare(
  arch: 'resnet18' | 'resnet50',
  precision: Precision,
  shape: Shape,
): Promise<{ model: Model; images: Tensor }> {
  const generator = new (native().Generator)(SEED);
  const model = await newModel(arch, { generator, precision });
  await model.loadStateDict(scrambled(await model.stateDict()));
  const pixels = generator.randn(shape.reduce<number>((product, size) => product * size, 1));
  return { model, images: await imagesOf(pixels, shape) };
}

/** Batch-norm's vectors with other values than their first. */
function scrambled(state: Readonly<Record<string, TensorData>>): Record<string, TensorData> {
  const isNorm = (name: string): boolean => /bn\d|downsample\.1/.test(name) && !name.endsWith('tracked');
  return Object.fromEntries(
    Object.entries(state)
      .filter(([name]) => isNorm(name))
      .map(([name, { shape, data }]) => [
        name,
        { shape, data: (data as Float32Array).map((value, i) => value * 0.8 + 0.3 * Math.sin(i + 1) ** 2) },
      ]),
  );
}

async function logitsOf(
  model: Model,
  images: Tensor,
  grad: boolean,
  edits: WeightEdit[] = [],
): Promise<Float32Array> {
  using logits = (await model.network.run(images, { grad, edits })).logits;
  return (await logits.data()) as Float32Array;
}

const edits: WeightEdit[] = [
  { layer: 'layer1.0.conv1', unit: 'neuron', kind: 'zero', neurons: Int32Array.of(3, 5) },
];

const fixed: WeightEdit[] = [
  {
    layer: 'layer1.0.conv2',
    unit: 'neuron',
    kind: 'output',
    neurons: Int32Array.of(3, 5),
    values: Float32Array.of(2, -1),
  },
];

describe.each([
  { arch: 'resnet18', precision: 'fp32', shape: LARGE, tolerance: 5e-6 },
  { arch: 'resnet18', precision: 'fp32', shape: SMALL, tolerance: 5e-6 },
  { arch: 'resnet50', precision: 'fp32', shape: LARGE, tolerance: 5e-6 },
  { arch: 'resnet18', precision: 'bf16', shape: LARGE, tolerance: 3e-2 },
] as const)(
  '$arch, $precision, $shape: evaluation without gradients, fused',
  ({ arch, precision, shape, tolerance }) => {
    let model: Model;
    let images: Tensor;
    beforeAll(async () => {
      ({ model, images } = await prepare(arch, precision, shape));
    });
    afterAll(() => {
      images.dispose();
      model[Symbol.dispose]();
    });

    /** Both ways after a change; the fused way first, so that weights kept from before it would be seen. */
    async function compare(change: string, given: WeightEdit[] = []): Promise<void> {
      const fused = await logitsOf(model, images, false, given);
      const difference = relativeDifference(fused, await logitsOf(model, images, true, given));
      expectWithin(
        `${arch}, ${precision}, fused evaluation ${change}, relative difference`,
        difference,
        tolerance,
      );
    }

    test('leaves alone what a caller holds', async () => {
      // layer1.1, whose residual is its input.
      const stage = 2;
      const { logits, inputs } = await model.network.run(images, { inputs: [stage] });
      const held = inputs[0] as Tensor;
      const before = await held.data();
      for (let again = 0; again < 2; again += 1) {
        using fromHeld = (await model.network.run(held, { stage })).logits;
        expect(await fromHeld.data()).toEqual(await logits.data());
      }
      expect(await held.data()).toEqual(before);
      for (const tensor of [logits, held]) tensor.dispose();
    });

    test('equals layer after layer, whatever changes the weights in between', async () => {
      await compare('of the initial weights');
      const before = await logitsOf(model, images, false);

      await compare('with neurons masked', edits);
      expect(await logitsOf(model, images, false)).toEqual(before);

      await compare('with outputs fixed', fixed);
      expect(await logitsOf(model, images, false, fixed)).not.toEqual(before);
      expect(await logitsOf(model, images, false)).toEqual(before);

      await whilePerturbed(model, edits, () => compare('of perturbed weights'));
      expect(await logitsOf(model, images, false)).toEqual(before);

      await logitsOf(model, images, false);
      const weights = (await model.stateDict())['layer2.0.conv1.weight'] as TensorData;
      const doubled = { ...weights, data: (weights.data as Float32Array).map((value) => 2 * value) };
      await model.loadStateDict({ 'layer2.0.conv1.weight': doubled });
      await compare('of loaded weights');

      await logitsOf(model, images, false);
      const optimizer = new Adam(model, 1e-2);
      using labels = await labelsOf(shape[0]);
      {
        using logits = (await model.network.run(images, { statistics: 'shared', grad: true })).logits;
        using loss = await native().crossEntropy(logits, labels, 'mean');
        await loss.backward();
        await logitsOf(model, images, false);
        await optimizer.step();
      }
      await compare('after a training step');
      expect(await logitsOf(model, images, false)).not.toEqual(before);
    });
  },
);

test('without oneDNN\u2019s operators, or with SPURMEM_FUSION=off, evaluation computes layer after layer', () => {
  const evaluate = (environment: Readonly<Record<string, string>>): { equal: boolean; largest: number } => {
    const { stdout } = node(['test/native/evaluateTwice.mjs'], environment);
    return JSON.parse(stdout) as { equal: boolean; largest: number };
  };
  expect(evaluate({ SPURMEM_FUSION: 'off' })).toEqual({ equal: true, largest: 0 });
  const fused = evaluate({});
  expectWithin('resnet18, fused evaluation, largest difference of a logit', fused.largest, 1e-5);
  expect(fused.equal).toBe(false);
});
