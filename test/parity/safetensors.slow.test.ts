import { join } from 'node:path';
import { ARCHITECTURES } from '../../src/models/architectures.js';
import { Model } from '../../src/models/model.js';
import { readWeights } from '../../src/models/readWeights.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { loadWeights } from '../../src/models/weights.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { temporaryFolder } from '../temporary.js';
import { maxDifference, report } from './compare.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const CLASSES = 5;

/** With the graph: batch-norm stays a layer of its own, as in PyTorch, to the bit. */
async function logitsOf(model: Model, input: TensorData): Promise<Float32Array> {
  using contiguous = await native().tensor(input.data, input.shape, 'cpu');
  using images = await contiguous.channelsLast();
  using logits = await model.network.forward(images, { grad: true });
  return (await logits.data()) as Float32Array;
}

/** torchvision has these; timm, which has the others, is not among Debian's packages. */
const TORCHVISION = ARCHITECTURES.filter((arch) => arch.startsWith('resnet'));

test.each(TORCHVISION)('%s: weights go to PyTorch with strict=True and come back', async (arch) => {
  await setThreads(THREADS);
  const path = (name: string): string => join(folder, `${arch}-${name}.safetensors`);
  const create = (seed: number): Promise<Model> =>
    Model.create({ arch, numClasses: CLASSES, generator: new (native().Generator)(seed), device: 'cpu' });
  const shape = [4, 3, 64, 64];
  const pixels = Float32Array.from({ length: 4 * 3 * 64 * 64 }, (_, i) => Math.sin(i * 0.37));
  const input = { shape, data: pixels };

  using model = await create(1);
  // Batch statistics that are not 0 and 1, and counters that are not 0.
  using contiguous = await native().tensor(pixels, shape, 'cpu');
  using images = await contiguous.channelsLast();
  (await model.network.forward(images, { statistics: 'shared' })).dispose();
  const ours = await logitsOf(model, input);
  await writeSafetensors(path('ours'), await model.stateDict());
  await writeSafetensors(path('input'), { input });
  const written = { logits: path('logits'), out: path('theirs') };
  reference('weights', {
    arch,
    classes: CLASSES,
    weights: path('ours'),
    input: path('input'),
    threads: THREADS,
    ...written,
  });
  const theirs = (await readSafetensors(path('logits'))).tensors.logits?.data as Float32Array;
  const there = maxDifference(theirs, ours);
  report(`${arch}, our weights in PyTorch, logits, max difference`, there, 0);
  expect(there).toBe(0);

  using other = await create(2);
  expect(await loadWeights(other, path('theirs'))).toEqual({ newHead: [] });
  const back = maxDifference(await logitsOf(other, input), ours);
  report(`${arch}, PyTorch's weights here, logits, max difference`, back, 0);
  expect(back).toBe(0);
});

describe('files of PyTorch in other dtypes', () => {
  beforeAll(() => {
    reference('dtypes', { out: folder });
  });

  const expected = async (name: string): Promise<Readonly<Record<string, TensorData>>> =>
    (await readSafetensors(join(folder, `${name}.expected.safetensors`))).tensors;

  function expectEqual(
    read: Readonly<Record<string, TensorData>>,
    oracle: Readonly<Record<string, TensorData>>,
  ): void {
    expect(Object.keys(read).sort()).toEqual(Object.keys(oracle).sort());
    for (const [name, { shape, data }] of Object.entries(read)) {
      const value = oracle[name];
      expect([name, shape, data[Symbol.toStringTag]]).toEqual([
        name,
        value?.shape,
        value?.data[Symbol.toStringTag],
      ]);
      // To the bit, NaNs included.
      const isEqual = value && Buffer.from(data.buffer).equals(Buffer.from(value.data.buffer));
      expect([name, isEqual]).toEqual([name, true]);
    }
  }

  test('each value is as value.float() has it, integers are as they were', async () => {
    expectEqual((await readWeights(join(folder, 'values.safetensors'))).tensors, await expected('values'));
  });

  test.each(['float64', 'float16', 'bfloat16'])('a model in %s is loaded as value.float()', async (dtype) => {
    using model = await Model.create({
      arch: 'resnet18',
      numClasses: 7,
      device: 'cpu',
      generator: new (native().Generator)(0),
    });
    expect(await loadWeights(model, join(folder, `${dtype}.safetensors`))).toEqual({ newHead: [] });
    expectEqual(await model.stateDict(), await expected(dtype));
  });
});
