import { Worker } from 'node:worker_threads';
import { Model } from '../../src/models/model.js';
import { addonInUse, native } from '../../src/native/addon.js';
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

test('a disposed tensor says so, and disposing twice is fine', async () => {
  const before = native().liveTensors();
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

test('wrong arguments are refused by name', async () => {
  const addon = native();
  expect(() => addon.tensor([1, 2] as unknown as Float32Array, [2], 'cpu')).toThrow(
    /Expected a typed array for data/,
  );
  await expect(addon.tensor(new Float32Array(3), [2, 2], 'cpu')).rejects.toThrow(
    /shape '\[2, 2\]' is invalid/,
  );
  expect(() => new addon.Generator('x' as unknown as number)).toThrow(/Expected a number for seed/);
});

test('an error of libtorch comes without its C++ stack', async () => {
  const generator = new (native().Generator)(0);
  using model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  using wrong = await native().tensor(new Float32Array(8), [1, 2, 2, 2], 'cpu');
  const failure = model.network.forward(wrong);
  await expect(failure).rejects.toMatchObject({ code: 'NATIVE_FAILED' });
  await expect(failure).rejects.toThrow(/expected input\[1, 2, 2, 2\] to have 3 channels/);
  await expect(failure).rejects.not.toThrow(/frame #|c10::/);
});

test('a generator draws as PyTorch does and continues from a saved state', () => {
  const generator = new (native().Generator)(123);
  const drawn = [
    [...generator.randperm(6)],
    String(generator.random()),
    [...generator.randn(20)].map(String),
  ];
  const printed = python([
    '-c',
    'import torch, json; g = torch.Generator().manual_seed(123)\n' +
      'print(json.dumps([torch.randperm(6, generator=g).tolist(),' +
      ' str(torch.empty((), dtype=torch.int64).random_(generator=g).item()), torch.randn(20, generator=g).tolist()]))',
  ]);
  const [permutation, integer, normal] = JSON.parse(printed) as [number[], string, number[]];
  expect(drawn).toEqual([permutation, integer, normal.map(String)]);

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
  const generator = new (native().Generator)(0);
  using model = await Model.create({ arch: 'resnet50', numClasses: 2, generator, device: 'cpu' });
  using images = await native().tensor(new Float32Array(8 * 3 * 224 * 224), [8, 3, 224, 224], 'cpu');
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 5);
  const start = performance.now();
  (await model.network.forward(images)).dispose();
  const milliseconds = performance.now() - start;
  clearInterval(timer);
  // A blocked loop would tick at most once.
  expect(ticks).toBeGreaterThan(milliseconds / 5 / 10);
  expect(ticks).toBeGreaterThan(3);
});

test('a worker thread loads the addon too, and may end while a job runs', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData);
    addon.tensor(Float32Array.of(1, 2), [2], 'cpu').then(async (tensor) => {
      const matrix = await addon.tensor(new Float32Array(2200 ** 2), [2200, 2200], 'cpu');
      addon.matmul(matrix, matrix);
      parentPort.postMessage([...(await tensor.data())]);
      process.exit(0);
    });`;
  const worker = new Worker(code, { eval: true, workerData: addonInUse().path });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  expect(await new Promise((resolve) => worker.once('message', resolve))).toEqual([1, 2]);
  await ended;
  using tensor = await native().tensor(Float32Array.of(3), [1], 'cpu');
  expect(await tensor.item()).toBe(3);
});
