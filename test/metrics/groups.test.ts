import { groupAccuracies, GroupCounter } from '../../src/metrics/groups.js';

test('accuracies, the worst group and both averages', () => {
  const result = groupAccuracies([9, 1, 2, 8], [10, 4, 8, 10], [70, 10, 10, 10]);
  expect(result.accuracy).toEqual([0.9, 0.25, 0.25, 0.8]);
  expect(result.worstGroup).toBe(1);
  expect(result.worstGroupAccuracy).toBe(0.25);
  expect(result.average).toBeCloseTo(20 / 32, 12);
  expect(result.trainWeightedAverage).toBeCloseTo(0.7 * 0.9 + 0.1 * (0.25 + 0.25 + 0.8), 12);
});

test('a counter adds up what it is given', () => {
  const counter = new GroupCounter(2);
  for (const [group, right] of [
    [0, true],
    [1, false],
    [0, false],
    [1, false],
  ] as const) {
    counter.add(group, right);
  }
  const { correct, total } = counter.accuracies([1, 1]);
  expect(correct).toEqual([1, 0]);
  expect(total).toEqual([2, 2]);
});

test('a group without examples is none of the worst, and leaves no weighted average', () => {
  const { accuracy, interval, worstGroup, worstGroupAccuracy, average, trainWeightedAverage } =
    groupAccuracies([3, 0, 1], [4, 0, 4], [8, 1, 8]);
  expect(accuracy).toEqual([0.75, Number.NaN, 0.25]);
  expect(interval[1]).toEqual([Number.NaN, Number.NaN]);
  expect([worstGroup, worstGroupAccuracy, average]).toEqual([2, 0.25, 0.5]);
  expect(trainWeightedAverage).toBeNaN();
});
