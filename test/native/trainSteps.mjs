// Trains 500 steps in a process of its own, and prints how its resident memory grew from step 50 on, in MB, and the tensors
// that are left.
import { Model, native } from '../../dist/index.js';
import { Adam } from '../../dist/train/adam.js';

const addon = native();
const before = addon.liveTensors();
const generator = new addon.Generator(0);
const model = await Model.create({ arch: 'resnet20', numClasses: 2, generator, device: 'cpu' });
const optimizer = new Adam(model, 1e-4);
const pixels = new Float32Array(2 * 3 * 32 * 32).fill(0.5);
const resident = [];
for (let step = 0; step < 500; step += 1) {
  resident.push(process.memoryUsage.rss());
  const contiguous = await addon.tensor(pixels, [2, 3, 32, 32], 'cpu');
  const images = await contiguous.channelsLast();
  const labels = await addon.tensor(new Int32Array(2).fill(step % 2), [2], 'cpu');
  const { logits } = await model.network.run(images, { statistics: 'shared', grad: true });
  const loss = await addon.crossEntropy(logits, labels, 'mean');
  await model.network.zeroGrad();
  await loss.backward();
  await optimizer.step();
  await loss.item();
  for (const tensor of [contiguous, images, labels, logits, loss]) tensor.dispose();
}
const growth = (resident.at(-1) - resident[50]) / 1e6;
console.log(JSON.stringify({ growth, left: addon.liveTensors() - before }));
