import { join } from 'node:path';
import { Model } from '../../src/models/model.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/device.js';
import { Adam } from '../../src/train/adam.js';
import { ReduceLROnPlateau } from '../../src/train/scheduler.js';
import { temporaryFolder } from '../temporary.js';
import { relativeDifference, report } from './compare.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();

test('20 steps of fused Adam with ReduceLROnPlateau give PyTorch\u2019s weights', async () => {
  const seed = 3;
  const lr = 1e-3;
  // Improves, stalls for longer than the patience twice, improves by less than the threshold, and gets worse.
  const metrics = [
    1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.89995, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1,
  ];
  const out = join(folder, 'adam.safetensors');
  const printed = reference('adam', { seed, steps: metrics.length, lr, threads: THREADS, out, metrics });
  const oracle = (await readSafetensors(out)).tensors;

  await setThreads(THREADS);
  const generator = new (native().Generator)(seed);
  using model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const optimizer = new Adam(model, lr);
  const scheduler = new ReduceLROnPlateau(lr, 0.5, 3);
  const rates: number[] = [];
  for (const [step, metric] of metrics.entries()) {
    const input = oracle[`input.${step}`] as TensorData;
    using contiguous = await native().tensor(input.data, input.shape, 'cpu');
    using images = await contiguous.channelsLast();
    using labels = await native().tensor((oracle[`labels.${step}`] as TensorData).data, [8], 'cpu');
    optimizer.lr = scheduler.lr;
    rates.push(optimizer.lr);
    using logits = await model.network.forward(images, { statistics: 'shared', grad: true });
    using loss = await native().crossEntropy(logits, labels, 'mean');
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();
    scheduler.step(metric);
  }

  expect(rates).toEqual(JSON.parse(printed));
  expect(new Set(rates).size).toBeGreaterThan(2);
  const state = await model.stateDict();
  const worst = Math.max(
    ...Object.entries(state).map(([name, { data }]) =>
      relativeDifference(data, (oracle[`final.${name}`] as TensorData).data),
    ),
  );
  report('weights after 20 Adam steps, max relative difference', worst, 1e-6);
  expect(worst).toBeLessThanOrEqual(1e-6);
});
