// Takes ten steps of Adam in a process of its own, and writes the weights to the file that it is given.
import { Model, native } from '../../dist/index.js';
import { takeData } from '../../dist/models/model.js';
import { writeSafetensors } from '../../dist/models/safetensors.js';
import { Adam } from '../../dist/train/adam.js';

const [, , file] = process.argv;
const addon = native();
const generator = new addon.Generator(0);
const model = await Model.create({ arch: 'resnet20', numClasses: 2, generator, device: 'cpu' });
const labels = await addon.tensor(
  Int32Array.from({ length: 8 }, (_, i) => i % 2),
  [8],
  'cpu',
);
const optimizer = new Adam(model, 0, 0.1);
const STEPS = 10;
for (let step = 1; step <= STEPS; step += 1) {
  const contiguous = await addon.tensor(generator.randn(8 * 3 * 32 * 32), [8, 3, 32, 32], 'cpu');
  const images = await contiguous.channelsLast();
  const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
  const loss = await addon.crossEntropy(logits, labels, 'mean');
  await model.network.zeroGrad();
  await loss.backward();
  // The weights stay until the last step, so that both ways see the same gradients.
  if (step === STEPS) optimizer.lr = 0.1;
  await optimizer.step();
}
await writeSafetensors(file, {
  ...(await takeData(await model.network.state())),
  ...(await optimizer.stateDict()),
});
