import { mannWhitney } from '../../src/metrics/mannWhitney.js';

test('equals scipy.stats.mannwhitneyu(method="asymptotic") of its documentation', () => {
  const { u, pValue } = mannWhitney([19, 22, 16, 29, 24], [20, 11, 17, 12]);
  expect(u).toBe(17);
  expect(pValue).toBeCloseTo(0.11134688653314041, 10);
});

test('with ties it is near the share of all assignments that are as uneven', () => {
  const sample = [1, 1, 2, 2, 3, 3, 5];
  const other = [2, 3, 3, 4, 5, 5, 6, 7];
  const pooled = [...sample, ...other];
  const statistic = (chosen: readonly number[]): number => {
    const rest = pooled.filter((_, i) => !chosen.includes(i));
    return chosen.reduce(
      (sum, i) =>
        sum + rest.reduce((pairs, value) => pairs + (Math.sign((pooled[i] as number) - value) + 1) / 2, 0),
      0,
    );
  };
  const middle = (sample.length * other.length) / 2;
  const observed = statistic([...sample.keys()]);
  const all = combinations(pooled.length, sample.length).map(statistic);
  const extreme = all.filter((u) => Math.abs(u - middle) >= Math.abs(observed - middle));
  const { u, pValue } = mannWhitney(sample, other);
  expect(u).toBe(observed);
  expect(Math.abs(pValue - extreme.length / all.length)).toBeLessThan(0.01);
  expect(mannWhitney(other, sample)).toEqual({ u: 2 * middle - u, pValue });
});

test('equal values tell nothing', () => {
  expect(mannWhitney([3, 3], [3, 3, 3])).toEqual({ u: 3, pValue: 1 });
  expect(mannWhitney([1, 4], [2, 3]).pValue).toBe(1);
});

function combinations(count: number, size: number, from = 0): number[][] {
  if (size === 0) return [[]];
  return Array.from({ length: count - from - size + 1 }, (_, i) => from + i).flatMap((first) =>
    combinations(count, size - 1, first + 1).map((rest) => [first, ...rest]),
  );
}
