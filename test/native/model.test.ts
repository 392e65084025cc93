import { Model, takeData, withTensors } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { maxDifference } from '../parity/compare.js';

async function resnet(seed: number): Promise<Model> {
  const generator = new (native().Generator)(seed);
  return Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
}

test('a model moves a share of the way to another, its running statistics too', async () => {
  using from = await resnet(1);
  using to = await resnet(2);
  const before = await from.stateDict();
  const target = await to.stateDict();
  await from.network.moveToward(to.network, 0.25);
  const after = await from.stateDict();
  for (const [name, { data }] of Object.entries(after)) {
    const [a, b] = [before[name]?.data ?? [], target[name]?.data ?? []];
    const expected = Float32Array.from(data, (_, i) => Number(a[i]) + 0.25 * (Number(b[i]) - Number(a[i])));
    expect(maxDifference(Float32Array.from(data, Number), expected)).toBeLessThan(1e-6);
  }
  await from.network.moveToward(to.network, 1);
  expect(await from.stateDict()).toEqual(target);
  expect(after).not.toEqual(before);
});

test('gradients can be put back', async () => {
  using model = await resnet(3);
  using images = await native().tensor(new Float32Array(2 * 3 * 32 * 32).fill(0.5), [2, 3, 32, 32], 'cpu');
  using labels = await native().tensor(Int32Array.of(0, 1), [2], 'cpu');
  using logits = await model.network.forward(images, false, true, null);
  using loss = await native().crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const gradients = await takeData(await model.network.gradients());
  await model.network.zeroGrad();
  expect(Object.keys(await takeData(await model.network.gradients()))).toEqual([]);
  await withTensors(gradients, (tensors) => model.network.loadGradients(tensors));
  expect(await takeData(await model.network.gradients())).toEqual(gradients);
  const misshapen = { 'fc.bias': { shape: [3], data: new Float32Array(3) } };
  await expect(withTensors(misshapen, (tensors) => model.network.loadGradients(tensors))).rejects.toThrow(
    /fc\.bias has the shape \[3\]/,
  );
});
