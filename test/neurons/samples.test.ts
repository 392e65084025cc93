import { native } from '../../src/native/addon.js';
import { worstSamples } from '../../src/neurons/samples.js';
import type { GradientOrder } from '../../src/neurons/settings.js';

const examples = Array.from({ length: 10 }, (_, i) => ({ index: 100 + i, loss: (i * 7) % 10 }));
const draw = (worst: number, drawn: number, seed = 0, order: GradientOrder = 'highest-loss'): number[] => [
  ...worstSamples(
    examples,
    { gradientWorst: worst, gradientDrawn: drawn, gradientOrder: order },
    new (native().Generator)(seed),
  ),
];
const losses = new Map(examples.map(({ index, loss }) => [index, loss]));

test('draws from the worst only, without replacement, highest loss first', () => {
  const chosen = draw(6, 4);
  const drawn = chosen.map((index) => losses.get(index) ?? -1);
  expect(new Set(chosen).size).toBe(4);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(4);
  expect(drawn).toEqual([...drawn].sort((a, b) => b - a));
});

test('all of the worst where as many are drawn, fewer where there are fewer', () => {
  expect(draw(3, 3).map((index) => losses.get(index))).toEqual([9, 8, 7]);
  expect(draw(256, 128)).toHaveLength(10);
});

test('follows torch.randperm of the seed', () => {
  const permutation = [...new (native().Generator)(3).randperm(10).slice(0, 4)];
  const worstFirst = [...examples].sort((a, b) => b.loss - a.loss).map(({ index }) => index);
  const expected = permutation.sort((a, b) => a - b).map((place) => worstFirst[place]);
  expect(draw(10, 4, 3)).toEqual(expected);
});

test('the other order takes the lowest losses, lowest first, and ties by position', () => {
  expect(draw(3, 3, 0, 'lowest-loss').map((index) => losses.get(index))).toEqual([0, 1, 2]);
  const equal = [5, 3, 4].map((index) => ({ index, loss: 1 }));
  for (const order of ['highest-loss', 'lowest-loss'] as const) {
    const generator = new (native().Generator)(0);
    const source = { gradientWorst: 2, gradientDrawn: 2, gradientOrder: order };
    expect([...worstSamples(equal, source, generator)]).toEqual([3, 4]);
  }
});
