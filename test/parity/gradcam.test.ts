import type { Architecture } from '../../src/models/architectures.js';
import { native } from '../../src/native/addon.js';
import { imagesOf, newModel, settledTensors } from '../networks.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle } from './oracle.js';

const SEED = 2;

interface Case {
  readonly arch: Architecture;
  readonly imageSize: [number, number];
  readonly patchSize?: number;
  /** The default first. */
  readonly layers: readonly string[];
}

const cases: Case[] = [
  {
    arch: 'resnet50',
    imageSize: [64, 96],
    layers: ['layer4.2.conv3', 'layer3.0.downsample.0', 'layer2.0.conv1'],
  },
  {
    arch: 'vit_tiny_patch16_224',
    imageSize: [64, 32],
    patchSize: 8,
    layers: ['blocks.11.norm1', 'blocks.3.norm2'],
  },
];

test.each(cases)('Grad-CAM of $arch, $imageSize px, equals hooks in PyTorch', async (given) => {
  const { arch, imageSize, patchSize, layers } = given;
  const [height, width] = imageSize;
  const size = { height, width, patch: patchSize };
  const expected = await askOracle('gradcam', { arch, seed: SEED, output: 0, ...size, layers });
  using model = await newModel(arch, { seed: SEED, imageSize, patchSize });
  const { mappable, mappedByDefault } = model.description;
  expect(mappedByDefault).toBe(layers[0]);
  expect(mappable).toEqual(expect.arrayContaining([...layers]));

  const live = await settledTensors();
  const { data, shape } = expected('images');
  {
    using images = await imagesOf(data, shape);
    for (const layer of layers) {
      const { heat: map, cells } = await model.network.gradCam(images, layer, 0);
      using heat = map;
      expect(cells).toEqual([...expected(`cells.${layer}`).data]);
      expect(heat.shape).toEqual([4, height, width]);
      const found = (await heat.data()) as Float32Array;
      const difference = maxDifference(found, expected(`cam.${layer}`).data);
      expectWithin(`Grad-CAM of ${arch}, ${layer}, difference`, difference, 1e-5);
      expect(found.every((value) => value === 0)).toBe(false);
    }
    await expect(model.network.gradCam(images, 'layer9.conv', 0)).rejects.toThrow(
      /no layer named layer9.conv/,
    );
    await expect(model.network.gradCam(images, layers[0] ?? '', 2)).rejects.toThrow(
      /2 outputs, and none is numbered 2/,
    );
  }
  expect(native().liveTensors()).toBe(live);
});
