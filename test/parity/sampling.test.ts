import { inverseSizes, weightedDraw } from '../../src/data/sampling.js';
import { native } from '../../src/native/addon.js';
import { reference } from './python.js';

test('epochs of reweighted classes are those of WeightedRandomSampler in a DataLoader', () => {
  // 700 of one group, 41 of another, 3 of a third, mixed.
  const parts = Int32Array.from({ length: 744 }, (_, i) => (i % 248 === 7 ? 2 : i % 18 === 0 ? 1 : 0));
  const weights = inverseSizes(parts);
  const seed = 17;
  const expected = JSON.parse(
    reference('sampling', { seed, epochs: 3, weights: [...weights] }),
  ) as number[][];
  const generator = new (native().Generator)(seed);
  const indices = Int32Array.from(parts.keys());
  const drawn = expected.map(() => weightedDraw(indices, weights, generator));
  expect(drawn.map((epoch) => [...epoch])).toEqual(expected);
  // Each part is drawn about as often as the others, which is far from its size.
  const shares = [0, 1, 2].map(
    (part) => drawn[0]?.reduce((sum, index) => sum + (parts[index] === part ? 1 : 0), 0) ?? 0,
  );
  for (const share of shares) expect(Math.abs(share / 744 - 1 / 3)).toBeLessThan(0.1);
});
