import { requirePatches, vitSettings } from '../../src/train/vitOptions.js';
import { failure } from '../data/support.js';

test('a vision transformer has timm\u2019s defaults, and what was asked for', () => {
  expect(vitSettings('vit_tiny_patch16_224', {})).toEqual({ patchSize: 16, layerNormEps: 1e-6 });
  const asked = { patchSize: 8, layerNormEps: 1e-5 };
  expect(vitSettings('vit_small_patch16_224', asked, [64, 32])).toEqual(asked);
  expect(vitSettings('resnet18', {})).toEqual({});
});

const ELSEWHERE = '`arch` is resnet50, and only vision transformers take that';
test.each([
  ['resnet50', { patchSize: 8 }, `\`patchSize\`: ${ELSEWHERE}`],
  ['resnet50', { patchSize: 8, layerNormEps: 1e-5 }, `\`patchSize\` and \`layerNormEps\`: ${ELSEWHERE}`],
] as const)('%s with %j is refused', async (arch, given, message) => {
  await failure(() => vitSettings(arch, given), 'USAGE', message);
});

test('patches must cover the images that the dataset gives', () => {
  requirePatches([64, 32], 8);
  expect(() => {
    vitSettings('vit_tiny_patch16_224', { patchSize: 12 }, [64, 32]);
  }).toThrow(/Patches of 12 px do not cover images of 64 x 32 px: .*`patchSize`, or another `imageSize`/);
});
