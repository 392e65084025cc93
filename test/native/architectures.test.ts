import { native } from '../../src/native/addon.js';
import { newModel } from '../networks.js';

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

test('a reduction, a kind of edit and a way to normalize are refused by name', async () => {
  const addon = native();
  using model = await newModel('resnet18');
  using images = await addon.tensor(new Float32Array(3 * 64 * 32), [1, 3, 64, 32], 'cpu');
  using logits = (await model.network.run(images)).logits;
  using labels = await addon.tensor(Int32Array.of(0), [1], 'cpu');
  const wrong = 'sum' as 'mean';
  expect(() => addon.crossEntropy(logits, labels, wrong)).toThrow(
    /Expected 'mean' or 'none' for reduction but received sum/,
  );
  expect(() => addon.squaredError(logits, labels, wrong)).toThrow(/Expected 'mean' or 'none' for reduction/);
  expect(() => model.network.run(images, { statistics: 'eval' as 'frozen' })).toThrow(
    /Expected 'shared', 'separate' or 'frozen' for statistics but received eval/,
  );
  const edit = { layer: 'conv1', unit: 'neuron', kind: 'noise' as 'add', neurons: Int32Array.of(0) } as const;
  expect(() => model.network.run(images, { edits: [edit] })).toThrow(
    /Expected 'zero', 'replace', 'add' or 'output' for kind but received noise/,
  );
});
