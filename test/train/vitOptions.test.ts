import { requirePatches, vitSettings } from '../../src/train/vitOptions.js';
import { failure } from '../data/support.js';

test('a vision transformer has timm\u2019s defaults, and what was asked for', () => {
  expect(vitSettings('vit_tiny_patch16_224', {})).toEqual({ patchSize: 16, layerNormEps: 1e-6 });
  const asked = { patchSize: 8, layerNormEps: 1e-5 };
  expect(vitSettings('vit_small_patch16_224', asked, [64, 32])).toEqual(asked);
  expect(vitSettings('resnet18', {})).toEqual({});
});

test.each([
  [{ patchSize: 8 }, '`patchSize`: `arch` is resnet50, and only vision transformers take that'],
  [
    { patchSize: 8, layerNormEps: 1e-5 },
    '`patchSize` and `layerNormEps`: `arch` is resnet50, and only vision transformers take that',
  ],
] as const)('%j is refused with another architecture', async (given, message) => {
  await failure(() => vitSettings('resnet50', given), 'USAGE', message);
});

test.each([
  [{ patchSize: 0 }, '`patchSize` is 0'],
  [{ patchSize: 7.5 }, '`patchSize` is 7.5'],
  [{ layerNormEps: 0 }, '`layerNormEps` is 0'],
  [{ layerNormEps: Number.NaN }, '`layerNormEps` is NaN'],
] as const)('%j is refused', async (given, message) => {
  await failure(() => vitSettings('vit_tiny_patch16_224', given), 'USAGE', message);
});

test('patches must cover the images that the dataset gives', () => {
  requirePatches([64, 32], 8);
  expect(() => {
    vitSettings('vit_tiny_patch16_224', { patchSize: 12 }, [64, 32]);
  }).toThrow(/Patches of 12 px do not cover images of 64 x 32 px: .*`patchSize`, or another `imageSize`/);
});
