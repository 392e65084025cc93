import { Model } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { Adam } from '../../src/train/adam.js';

/** Resident memory of this process in MB. */
function residentMegabytes(): number {
  return process.memoryUsage.rss() / 1e6;
}

test('500 training steps leave no live handle and hardly grow the process', async () => {
  const addon = native();
  const before = addon.liveTensors();
  const generator = new addon.Generator(0);
  using model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
  const optimizer = new Adam(model, 1e-4);
  const pixels = new Float32Array(4 * 3 * 64 * 32).fill(0.5);
  let settled = 0;
  for (let step = 0; step < 500; step += 1) {
    if (step === 50) settled = residentMegabytes();
    using contiguous = await addon.tensor(pixels, [4, 3, 64, 32], 'cpu');
    using images = await contiguous.channelsLast();
    using labels = await addon.tensor(new Int32Array(4).fill(step % 2), [4], 'cpu');
    using logits = await model.network.forward(images, true, true, null);
    using loss = await addon.crossEntropy(logits, labels, 'mean');
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();
    await loss.item();
  }
  const growth = residentMegabytes() - settled;
  process.stdout.write(`  memory: ${growth.toFixed(1)} MB from step 50 to step 500 (limit 20)\n`);
  expect(growth).toBeLessThan(20);
  expect(addon.liveTensors()).toBe(before);
});
