import { takeData } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/engine.js';
import type { PassOptions, Precision } from '../../src/native/interface.js';
import { imagesOf, labelsOf, newModel } from '../networks.js';
import { expectWithin } from '../parity/compare.js';

/** The last stage's stride makes its output one column wide: what oneDNN's kernels for AMX give there is another matter each time. */
const [BATCH, HEIGHT, WIDTH] = [8, 64, 32];
const LAYER = 'layer4.0.conv1';

interface Computed {
  readonly logits: Float32Array;
  /** The gradient of the layer whose output is narrow. */
  readonly gradient: Float32Array | undefined;
}

async function computed(precision: Precision, options: PassOptions): Promise<Computed> {
  const generator = new (native().Generator)(3);
  using model = await newModel('resnet18', { generator, precision });
  const pixels = generator.randn(BATCH * 3 * HEIGHT * WIDTH);
  using images = await imagesOf(pixels, [BATCH, 3, HEIGHT, WIDTH]);
  // Memory that was written before holds what no sum should.
  (await native().tensor(new Float32Array(4e6).fill(Number.NaN), [4e6], 'cpu')).dispose();
  using logits = (await model.network.run(images, options)).logits;
  const data = (await logits.data()) as Float32Array;
  if (options.grad !== true) return { logits: data, gradient: undefined };
  using labels = await labelsOf(BATCH);
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const gradients = await takeData(await model.network.gradients());
  return { logits: data, gradient: gradients[`${LAYER}.weight`]?.data as Float32Array };
}

const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
const distance = (ours: Float32Array, theirs: Float32Array): number =>
  norm(ours.map((value, i) => value - (theirs[i] ?? Number.NaN))) / norm(theirs);

test.each<[string, PassOptions]>([
  ['evaluation, fused', {}],
  ['evaluation', { grad: true }],
  ['training', { statistics: 'shared', grad: true }],
])('in bf16 an output of one column is what it is in float32: %s', async (name, options) => {
  await setThreads(2);
  const exact = await computed('fp32', options);
  const rounded = await computed('bf16', options);
  const ofLogits = distance(rounded.logits, exact.logits);
  expectWithin(`${name}, logits, relative distance from float32`, ofLogits, 0.05);
  if (options.grad !== true) return;
  const gradients = [exact.gradient ?? new Float32Array(), rounded.gradient ?? new Float32Array()] as const;
  expect(gradients.map(({ length }) => length)).toEqual([512 * 256 * 9, 512 * 256 * 9]);
  // Deep gradients in bf16 are so far from float32's with AVX-512's kernels as well.
  const ofGradient = distance(gradients[1], gradients[0]);
  expectWithin(`${name}, gradient of ${LAYER}, relative distance from float32`, ofGradient, 0.6);
});
