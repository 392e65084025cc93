import { takeData, withTensors } from '../../src/models/model.js';
import type { TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { PlanBuilder, value } from '../../src/native/planBuilder.js';
import { newModel } from '../networks.js';
import { maxDifference } from '../parity/compare.js';

/** The names whose values differ. */
function differing(a: Record<string, TensorData>, b: Record<string, TensorData>): string[] {
  return Object.keys(a).filter((name) => {
    const [mine, theirs] = [a[name], b[name]];
    return !mine || !theirs || maxDifference(mine.data, theirs.data) !== 0;
  });
}

test('a model moves a share of the way to another, its running statistics too', async () => {
  using from = await newModel('resnet20', { seed: 1 });
  using to = await newModel('resnet20', { seed: 2 });
  const before = await from.stateDict();
  const target = await to.stateDict();
  await from.network.moveToward(to.network, 0.25);
  const after = await from.stateDict();
  let worst = 0;
  for (const [name, { data }] of Object.entries(after)) {
    const [a, b] = [before[name]?.data, target[name]?.data];
    if (!(data instanceof Float32Array) || !(a instanceof Float32Array)) continue;
    const expected = a.map((value, i) => value + 0.25 * (Number(b?.[i]) - value));
    worst = Math.max(worst, maxDifference(data, expected));
  }
  expect(worst).toBeLessThan(1e-6);
  expect(differing(after, before)).toContain('conv1.weight');
  await from.network.moveToward(to.network, 1);
  expect(differing(await from.stateDict(), target)).toEqual([]);
});

test.each(['resnet18', 'resnet20'] as const)(
  '%s gives no logits of images that are not finite, in any format and precision',
  async (arch) => {
    for (const precision of ['fp32', 'bf16'] as const) {
      using model = await newModel(arch, { seed: 1, precision });
      for (const value of [Number.NaN, Infinity, -Infinity, 1e38, -1e38]) {
        const pixels = new Float32Array(2 * 3 * 64 * 64).fill(0.5);
        pixels[5000] = value;
        using contiguous = await native().tensor(pixels, [2, 3, 64, 64], 'cpu');
        using channelsLast = await contiguous.channelsLast();
        for (const images of [contiguous, channelsLast]) {
          const { network } = model;
          await expect(network.run(images)).rejects.toThrow(/the batch has values of .* to be finite/);
          await expect(network.run(images, { features: true })).rejects.toThrow('to be finite');
          await expect(network.run(images, { inputs: [1] })).rejects.toThrow('to be finite');
          await expect(network.outputSums(images)).rejects.toThrow('to be finite');
        }
      }
    }
  },
);

test('gradients can be put back', async () => {
  using model = await newModel('resnet20', { seed: 3 });
  using images = await native().tensor(new Float32Array(2 * 3 * 32 * 32).fill(0.5), [2, 3, 32, 32], 'cpu');
  using labels = await native().tensor(Int32Array.of(0, 1), [2], 'cpu');
  using logits = (await model.network.run(images, { grad: true })).logits;
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const gradients = await takeData(await model.network.gradients());
  await model.network.zeroGrad();
  expect(Object.keys(await takeData(await model.network.gradients()))).toEqual([]);
  await withTensors(gradients, (tensors) => model.network.loadGradients(tensors));
  expect(differing(await takeData(await model.network.gradients()), gradients)).toEqual([]);
  expect(Object.keys(gradients)).toHaveLength(model.description.parameters.length);
  const misshapen = { 'fc.bias': { shape: [3], data: new Float32Array(3) } };
  await expect(withTensors(misshapen, (tensors) => model.network.loadGradients(tensors))).rejects.toThrow(
    /fc\.bias has the shape \[3\]/,
  );
});

test('a network without parameters has no optimizer', async () => {
  const addon = native();
  const net = new PlanBuilder();
  net.stage('relu', net.call('relu', { self: value(net.images) }));
  const generator = new addon.Generator(0);
  const network = await addon.createNetwork({ plan: net.plan(), generator, device: 'cpu' });
  const options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
  expect(() => new addon.Adam(network, options)).toThrow('has no parameters to optimize');
  network.dispose();
});

test('a network describes its head, its shortcuts, what Grad-CAM can map, and its patches', async () => {
  using resnet = await newModel('resnet18', { numClasses: 3 });
  expect(resnet.head).toEqual({ weight: 'fc.weight', bias: 'fc.bias', features: 512 });
  const { layers, mappable, mappedByDefault, patches } = resnet.description;
  const shortcuts = layers.filter(({ isShortcut }) => isShortcut).map(({ name }) => name);
  expect(shortcuts).toEqual(['layer2.0.downsample.0', 'layer3.0.downsample.0', 'layer4.0.downsample.0']);
  expect(mappable).toEqual(layers.map(({ name }) => name));
  expect([mappedByDefault, patches]).toEqual(['layer4.1.conv2', null]);

  using vit = await newModel('vit_tiny_patch16_224', { numClasses: 3, imageSize: [64, 32], patchSize: 8 });
  expect(vit.head).toEqual({ weight: 'head.weight', bias: 'head.bias', features: 192 });
  expect(vit.description.patches).toEqual([8, 4]);
  const norms = Array.from({ length: 12 }, (_, i) => [`blocks.${i}.norm1`, `blocks.${i}.norm2`]).flat();
  expect(vit.description.mappable).toEqual(['patch_embed.proj', ...norms.slice(0, -1)]);
  expect(vit.description.mappedByDefault).toBe('blocks.11.norm1');
});
