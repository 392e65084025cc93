import { changeOf, judge, minorityMinusMajority } from '../../src/experiments/outcomes.js';

test('judges an example by its prediction, margin and loss', () => {
  // Four examples, three classes.
  const logits = Float32Array.from([3, 1, 0, 1, 4, 2, 2, 2, 0, 2, 2, 0]);
  const { right, predicted, margins, losses } = judge(logits, [0, 2, 0, 1]);
  // Where logits are equal, the lowest class is predicted, as argmax does.
  expect(right).toEqual([true, false, true, false]);
  expect(predicted).toEqual([0, 1, 0, 0]);
  expect([...margins]).toEqual([2, -2, 0, 0]);
  const loss = (own: number, ...all: number[]) =>
    Math.log(all.reduce((sum, logit) => sum + Math.exp(logit), 0)) - own;
  const expected = [loss(3, 3, 1, 0), loss(2, 1, 4, 2), loss(2, 2, 2, 0), loss(2, 2, 2, 0)];
  for (const [i, one] of expected.entries()) expect(losses[i]).toBeCloseTo(one, 12);
});

test('an example with a logit that is not a number is not right', () => {
  const NAN = Number.NaN;
  const { right, predicted, margins } = judge(Float32Array.of(1, NAN, NAN, 1, NAN, NAN), [0, 0, 0]);
  expect(right).toEqual([false, false, false]);
  expect(predicted).toEqual([1, 1, 1]);
  expect([...margins]).toEqual([NAN, NAN, NAN]);
});

const group = (total: number, lost: number, gained: number, margin: number) => ({
  total,
  correct: total - lost,
  lost,
  gained,
  margin: { count: total, mean: margin, variance: 1 },
  loss: { count: total, mean: -margin / 2, variance: 1 },
});

test('a change is perturbed minus baseline', () => {
  const one = group(10, 4, 1, -0.5);
  expect(changeOf(one, 'accuracy')).toBeCloseTo(-0.3, 12);
  expect(changeOf(one, 'margin')).toBe(-0.5);
  expect(changeOf(one, 'loss')).toBe(0.25);
});

test('minority minus majority is over examples, and unknown where a group was not measured', () => {
  const groups = [group(100, 10, 0, -1), group(10, 4, 0, -2), group(30, 3, 0, -4), group(100, 30, 0, -3)];
  expect(minorityMinusMajority(groups, [1, 2], 'accuracy')).toBeCloseTo(-7 / 40 + 40 / 200, 12);
  expect(minorityMinusMajority(groups, [1, 2], 'margin')).toBeCloseTo(-140 / 40 + 400 / 200, 12);
  expect(minorityMinusMajority([null, ...groups.slice(1)], [1, 2], 'margin')).toBeUndefined();
});
