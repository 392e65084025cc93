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
