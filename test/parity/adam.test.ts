import { native } from '../../src/native/addon.js';
import { Adam } from '../../src/train/adam.js';
import { ReduceLROnPlateau } from '../../src/train/scheduler.js';
import { imagesOf, newModel } from '../networks.js';
import { expectWithin, largest } from './compare.js';
import { askOracle } from './oracle.js';

test('20 steps of fused Adam with ReduceLROnPlateau give PyTorch\u2019s weights', async () => {
  const seed = 3;
  const lr = 1e-3;
  // Improves, stalls for longer than the patience twice, improves by less than the threshold, and gets worse.
  const metrics = [
    1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.89995, 0.9, 0.9, 0.9, 0.9, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1,
  ];
  const expected = await askOracle('adam', { seed, steps: metrics.length, lr, metrics });

  using model = await newModel('resnet20', { seed });
  const optimizer = new Adam(model, lr);
  const scheduler = new ReduceLROnPlateau(lr, 0.5, 3);
  const rates: number[] = [];
  for (const [step, metric] of metrics.entries()) {
    const { data, shape } = expected(`input.${step}`);
    using images = await imagesOf(data, shape);
    using labels = await native().tensor(expected(`labels.${step}`).data, [8], 'cpu');
    optimizer.lr = scheduler.lr;
    rates.push(optimizer.lr);
    using logits = (await model.network.run(images, { statistics: 'shared', grad: true })).logits;
    using loss = await native().crossEntropy(logits, labels, 'mean');
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();
    scheduler.step(metric);
  }

  expect(rates).toEqual(JSON.parse(expected.printed));
  expect(new Set(rates).size).toBeGreaterThan(2);
  const worst = largest(await model.stateDict(), (name) => expected(`final.${name}`));
  expectWithin('weights after 20 Adam steps, max relative difference', worst, 1e-6);
});
