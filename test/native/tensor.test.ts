import { native } from '../../src/native/addon.js';
import { TensorScope } from '../../src/native/context.js';
import { newModel, settledTensors } from '../networks.js';
import { python } from '../parity/python.js';

test('a typed array goes in and comes out, in every dtype', async () => {
  for (const data of [
    Float32Array.of(1.5, -2, 3, 4),
    Float64Array.of(1.5, -2, 3, 4),
    Int32Array.of(1, -2, 3, 4),
    BigInt64Array.of(1n, -2n, 3n, 4n),
    Uint8Array.of(1, 2, 3, 255),
  ]) {
    using tensor = await native().tensor(data, [2, 2], 'cpu');
    expect(tensor.shape).toEqual([2, 2]);
    expect(Buffer.from((await tensor.data()).buffer)).toEqual(Buffer.from(data.buffer));
  }
});

test('values are those of the moment at which they were asked for, whatever changes them next', async () => {
  using model = await newModel('resnet18');
  using scope = new TensorScope();
  const name = 'fc.weight';
  const weight = scope.own(await model.network.state())[name];
  if (!weight) throw new Error('no such weight');
  using other = await native().tensor(new Float32Array(1024), weight.shape, 'cpu');
  using before = await native().tensor(await weight.data(), weight.shape, 'cpu');
  const expected = await before.data();
  const [read, changed] = [weight.data(), model.network.loadState({ [name]: other })];
  // Both jobs are done before their results are taken.
  const start = performance.now();
  while (performance.now() - start < 200);
  expect(Buffer.compare(Buffer.from((await read).buffer), Buffer.from(expected.buffer))).toBe(0);
  await changed;
  expect((await weight.data()).every((value) => value === 0)).toBe(true);
});

test('a disposed tensor says so, and disposing twice is fine', async () => {
  const before = await settledTensors();
  const tensor = await native().tensor(Float32Array.of(1), [1], 'cpu');
  expect(native().liveTensors()).toBe(before + 1);
  tensor.dispose();
  tensor.dispose();
  expect(tensor.disposed).toBe(true);
  expect(native().liveTensors()).toBe(before);
  // By name: the addon's TypeError may stem from another realm than the test's.
  expect(() => tensor.shape).toThrow(expect.objectContaining({ name: 'TypeError' }) as Error);
  expect(() => tensor.item()).toThrow(/was disposed: use it before dispose/);
});

test('tensors that nobody disposed are collected before they hold the memory', async () => {
  const before = await settledTensors();
  const data = new Float32Array(2 ** 22);
  let most = 0;
  // 3.2 GB in all.
  for (let i = 0; i < 200; i += 1) {
    await native().tensor(data, [data.length], 'cpu');
    most = Math.max(most, native().liveTensors() - before);
    await new Promise(setImmediate);
  }
  expect(most).toBeLessThan(200);
});

test('an error of libtorch comes without its C++ stack', async () => {
  using model = await newModel('resnet18');
  using wrong = await native().tensor(new Float32Array(8), [1, 2, 2, 2], 'cpu');
  const failure = model.network.run(wrong);
  await expect(failure).rejects.toMatchObject({ code: 'NATIVE_FAILED' });
  await expect(failure).rejects.toThrow(/expected input\[1, 2, 2, 2\] to have 3 channels/);
  await expect(failure).rejects.not.toThrow(/frame #|c10::/);
});

test.each([0, 123, 4294967295])('a generator of seed %d draws as PyTorch does, and goes on', (seed) => {
  const generator = new (native().Generator)(seed);
  const drawn = {
    permutation: [...generator.randperm(6)],
    integer: String(generator.random()),
    normal: [...generator.randn(20)],
    again: [...generator.randperm(12)],
    uniform: generator.uniform(0.08, 1),
    logUniform: generator.logUniform(3 / 4, 4 / 3),
    randint: generator.randint(100),
  };
  const code = `
import json, torch
torch.manual_seed(${seed})
print(json.dumps({
    "permutation": torch.randperm(6).tolist(),
    "integer": str(torch.empty((), dtype=torch.int64).random_().item()),
    "normal": torch.randn(20).tolist(),
    "again": torch.randperm(12).tolist(),
    "uniform": torch.empty(1).uniform_(0.08, 1).item(),
    "logUniform": torch.exp(torch.empty(1).uniform_(*torch.log(torch.tensor([3 / 4, 4 / 3])))).item(),
    "randint": torch.randint(0, 100, (1,)).item(),
}))`;
  expect(drawn).toEqual(JSON.parse(python(['-c', code])));

  const state = generator.getState();
  const next = [...generator.randn(4)];
  generator.randperm(100);
  generator.setState(state);
  expect([...generator.randn(4)]).toEqual(next);
  expect(() => {
    generator.setState(new Uint8Array(3));
  }).toThrow(/RNG state/);
});

test('the event loop runs while the engine works', async () => {
  using model = await newModel('resnet50');
  using images = await native().tensor(new Float32Array(8 * 3 * 224 * 224), [8, 3, 224, 224], 'cpu');
  const order: string[] = [];
  const running = model.network.run(images).then(({ logits }) => {
    order.push('network');
    logits.dispose();
  });
  // A loop that waits for the engine gets here after it.
  setImmediate(() => order.push('loop'));
  await running;
  expect(order).toEqual(['loop', 'network']);
});

test('a seed is a whole number from 0 to 2^64 - 1', () => {
  const { Generator } = native();
  for (const seed of [-1, -1n, 2n ** 64n, 2n ** 64n + 1n]) {
    expect(() => new Generator(seed)).toThrow(/for seed but received/);
  }
  expect(new Generator(2n ** 64n - 1n).random()).not.toBe(new Generator(1n).random());
});
