// Prints whether a model evaluates to the same bits without gradients as with them, layer after layer, in this process.
import { Buffer } from 'node:buffer';
import { Model, native } from '../../dist/index.js';

const addon = native();
const generator = new addon.Generator(0);
const model = await Model.create({ arch: 'resnet18', numClasses: 2, generator, device: 'cpu' });
const contiguous = await addon.tensor(generator.randn(8 * 3 * 64 * 32), [8, 3, 64, 32], 'cpu');
const images = await contiguous.channelsLast();
const [alone, withGradients] = await Promise.all(
  [false, true].map(async (grad) => (await model.network.run(images, { grad })).logits.data()),
);
const largest = Math.max(...alone.map((value, i) => Math.abs(value - withGradients[i])));
console.log(
  JSON.stringify({ equal: Buffer.from(alone.buffer).equals(Buffer.from(withGradients.buffer)), largest }),
);
