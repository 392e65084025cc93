import { createHash } from 'node:crypto';
import { native } from '../../src/native/addon.js';
import { learnedMask } from '../../src/neurons/criteria/learnedMask.js';
import type { ScoringContext } from '../../src/neurons/criterion.js';
import { startOf } from '../../src/neurons/select.js';
import { failure } from '../data/support.js';
import { imagesOf, newModel } from '../networks.js';

const [IMAGES, SIDE, CHANNELS, PLANTED] = [2, 8, 64, 5];

/** A network that gives class 1 by one neuron of its last layer alone, and images of that class. */
async function planted() {
  const model = await newModel('resnet20');
  const state = await model.stateDict();
  const change = async (name: string, of: (value: number, row: number, column: number) => number) => {
    const { shape, data } = state[name] as (typeof state)[string];
    const each = data.length / (shape[0] as number);
    const changed = Float32Array.from(data as Float32Array, (value, i) =>
      of(value, Math.floor(i / each), i % each),
    );
    await model.loadStateDict({ [name]: { shape, data: changed } });
  };
  for (const layer of ['0.downsample.0', '0.conv2', '1.conv2'])
    await change(`layer3.${layer}.weight`, (value, row) => (row === PLANTED ? 0 : value));
  await change('layer3.2.conv2.weight', (value, row) => (row === PLANTED ? Math.abs(value) : value));
  await change('fc.weight', (_value, row, column) => (row === 1 && column === PLANTED ? 1 : 0));
  await change('fc.bias', (_value, row) => -3 * row);
  const images = await imagesOf(new (native().Generator)(0).randn(IMAGES * 3 * SIDE ** 2), [
    IMAGES,
    3,
    SIDE,
    SIDE,
  ]);
  const labels = await native().tensor(new Int32Array(IMAGES).fill(1), [IMAGES], 'cpu');
  const indices = Int32Array.from({ length: IMAGES }, (_, i) => i);
  let passes = 0;
  const stop = new AbortController();
  const scores = (stopAt = Infinity) =>
    learnedMask.scores({
      model,
      loader: {
        evaluation() {
          if (++passes === stopAt) stop.abort();
          return [{ images, labels, indices, [Symbol.dispose]: () => undefined }];
        },
      },
      batchSize: IMAGES,
      loss: 'cross-entropy',
      signal: stop.signal,
      samples: () => Promise.resolve({ indices }),
    } as unknown as ScoringContext);
  const digest = async () => {
    const hash = createHash('sha256');
    for (const { data } of Object.values(await model.stateDict())) hash.update(data);
    return hash.digest('hex');
  };
  return { model, scores, digest };
}

test('the learned mask keeps a planted neuron, ends at the same scales, and puts the weights back', async () => {
  const { model, scores, digest } = await planted();
  const before = await digest();
  const mask = await scores();
  const { start } = startOf(model.description.layers, 'layer3.2.conv2');
  const [kept, ...others] = [...mask.slice(start, start + CHANNELS).entries()].sort(([, a], [, b]) => b - a);
  expect(kept).toEqual([PLANTED, 1]);
  expect(others[0]?.[1]).toBeLessThan(0.1);
  expect(mask.every((scale) => scale >= 0 && scale <= 1)).toBe(true);
  expect(await digest()).toBe(before);
  expect(await scores()).toEqual(mask);
});

test('a stopped learned mask puts the weights back', async () => {
  const { scores, digest } = await planted();
  const before = await digest();
  await failure(scores(3), 'INTERRUPTED');
  expect(await digest()).toBe(before);
});
