// The process in which `tryAddon` tries an addon: it loads it, and takes a gradient of a small network with a known value.
import { messageOf } from '../errors.js';
import { loadAddon } from './addon.js';
import type { Libtorch } from './libtorch.js';
import { PlanBuilder, value } from './planBuilder.js';

const [, , path = '', libtorch = ''] = process.argv;

try {
  const addon = loadAddon(path, JSON.parse(libtorch) as Libtorch);
  const net = new PlanBuilder();
  const pixels = net.convNorm('conv1', 'bn1', { in: 3, out: 16, kernel: 3 }).relu(net.images);
  const dim = { kind: 'ints', numbers: [2, 3] } as const;
  net.head('fc', net.linear('fc', 16, 2), net.call('mean.dim', { self: value(pixels), dim }));
  const network = await addon.createNetwork({
    plan: net.plan(),
    generator: new addon.Generator(0),
    device: 'cpu',
  });
  using images = await addon.tensor(new Float32Array(2 * 3 * 32 * 32).fill(0.5), [2, 3, 32, 32], 'cpu');
  using labels = await addon.tensor(new BigInt64Array(2), [2], 'cpu');
  using logits = (await network.run(images, { grad: true, statistics: 'separate' })).logits;
  using loss = await addon.crossEntropy(logits, labels, 'mean');
  await loss.backward();
  const gradients = await network.gradients();
  const bias = await gradients['fc.bias']?.data();
  // The two classes' gradients of cross-entropy add up to 0, and that of the label's class is negative.
  const [first = NaN, second = NaN] = Array.from(bias ?? [], Number);
  if (!(first < 0 && Math.abs(first + second) < 1e-5))
    throw new Error(`it computes wrongly: ${first}, ${second}`);
} catch (error) {
  console.error(messageOf(error).split('\n').slice(0, 2).join(' '));
  process.exitCode = 1;
}
