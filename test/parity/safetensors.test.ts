import { join } from 'node:path';
import type { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { loadWeights, readWeights } from '../../src/models/weights.js';
import { setThreads } from '../../src/native/engine.js';
import { imagesOf, newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { expectSameBits } from './oracle.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const CLASSES = 5;

/** With the graph: batch-norm stays a layer of its own, as in PyTorch, to the bit. */
async function logitsOf(model: Model, input: TensorData): Promise<Float32Array> {
  using images = await imagesOf(input.data, input.shape);
  using logits = (await model.network.run(images, { grad: true })).logits;
  return (await logits.data()) as Float32Array;
}

test('weights go to PyTorch and come back', async () => {
  const arch = 'resnet20';
  await setThreads(THREADS);
  const path = (name: string): string => join(folder, `${arch}-${name}.safetensors`);
  const shape = [4, 3, 64, 64];
  const pixels = Float32Array.from({ length: 4 * 3 * 64 * 64 }, (_, i) => Math.sin(i * 0.37));
  const input = { shape, data: pixels };

  using model = await newModel(arch, { seed: 1, numClasses: CLASSES });
  // Batch statistics that are not 0 and 1, and counters that are not 0.
  using images = await imagesOf(pixels, shape);
  (await model.network.run(images, { statistics: 'shared' })).logits.dispose();
  const ours = await logitsOf(model, input);
  await writeSafetensors(path('ours'), await model.stateDict());
  await writeSafetensors(path('input'), { input });
  const read = { arch, classes: CLASSES, weights: path('ours'), input: path('input') };
  reference('weights', { ...read, threads: THREADS, logits: path('logits'), out: path('theirs') });
  const theirs = (await readSafetensors(path('logits'))).tensors.logits?.data as Float32Array;
  const there = maxDifference(theirs, ours);
  expectWithin(`${arch}, our weights in PyTorch, logits, max difference`, there, 0);

  using other = await newModel(arch, { seed: 2, numClasses: CLASSES });
  expect(await loadWeights(other, path('theirs'))).toEqual({ newHead: [], changes: [] });
  const back = maxDifference(await logitsOf(other, input), ours);
  expectWithin(`${arch}, PyTorch's weights here, logits, max difference`, back, 0);
});

describe('files of PyTorch in other dtypes', () => {
  beforeAll(() => {
    reference('dtypes', { out: folder });
  });

  const expected = async (name: string): Promise<Readonly<Record<string, TensorData>>> =>
    (await readSafetensors(join(folder, `${name}.expected.safetensors`))).tensors;

  test('each value is as value.float() has it, integers are as they were', async () => {
    expectSameBits((await readWeights(join(folder, 'values.safetensors'))).tensors, await expected('values'));
  });

  test.each(['float64', 'float16', 'bfloat16'])('a model in %s is loaded as value.float()', async (dtype) => {
    using model = await newModel('resnet18', { numClasses: 7 });
    expect(await loadWeights(model, join(folder, `${dtype}.safetensors`))).toEqual({
      newHead: [],
      changes: [],
    });
    expectSameBits(await model.stateDict(), await expected(dtype));
  });
});
