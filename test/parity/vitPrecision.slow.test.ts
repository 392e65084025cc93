import { mean } from '../../src/metrics/statistics.js';
import type { NativeArray } from '../../src/native/interface.js';
import { imagesOf, newModel } from '../networks.js';
import { expectWithin } from './compare.js';
import { askOracle } from './oracle.js';
import { TEAM } from './python.js';

const [SEED, CLASSES] = [5, 3];

// Attention in bfloat16 is not PyTorch's kernel: what counts is that it is no further from float32 than autocast is.
test('logits in bfloat16 are as near those in float32 as autocast\u2019s', async () => {
  const arch = 'vit_tiny_patch16_224';
  const size = { height: 64, width: 32, patch: 8, eps: 1e-6 };
  const asked = { arch, classes: CLASSES, ...size, seed: SEED, batch: 16, threads: TEAM, gradients: true };
  const expected = await askOracle('vit', asked);
  const design = { imageSize: [64, 32], patchSize: 8, layerNormEps: 1e-6 } as const;
  using model = await newModel(arch, { ...design, seed: SEED, numClasses: CLASSES, precision: 'bf16' });
  using images = await imagesOf(expected('input').data, expected('input').shape);
  using logits = (await model.network.run(images, {})).logits;
  const exact = expected('logits').data as Float32Array;
  const rms = (values: NativeArray): number =>
    Math.sqrt(mean(Array.from(exact, (value, i) => (value - (values[i] as number)) ** 2)));
  const [ours, theirs] = [rms(await logits.data()), rms(expected('logits.autocast').data)];
  expectWithin(
    `logits in bf16, error against autocast\u2019s ${theirs.toExponential(2)}`,
    ours,
    1.2 * theirs,
  );
  expect(ours).toBeGreaterThan(0);
});
