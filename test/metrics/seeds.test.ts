import fc from 'fast-check';
import { pairedDifference, summarizeSeeds } from '../../src/metrics/seeds.js';

test('an interval by Student\u2019s t', () => {
  const { mean, std, interval } = summarizeSeeds([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect(std).toBeCloseTo(1.5811388, 6);
  // t(0.975, 4) = 2.776445
  expect(interval?.[0]).toBeCloseTo(3 - 1.963243, 5);
  expect(interval?.[1]).toBeCloseTo(3 + 1.963243, 5);
  expect(summarizeSeeds([0.4])).toEqual({ mean: 0.4, std: null, interval: null });
});

test('a paired t-test', () => {
  // scipy.stats.ttest_rel gives 0.0132
  const difference = pairedDifference([11, 22, 33, 44, 55], [10, 20, 30, 40, 50]);
  expect(difference.mean).toBe(3);
  expect(difference.pValue).toBeCloseTo(0.01324, 4);
  expect(pairedDifference([1, 2], [1, 2]).pValue).toBe(1);
  expect(pairedDifference([1], [2]).pValue).toBeNull();
  expect(() => pairedDifference([1, 2], [1])).toThrow(RangeError);
});

test('the interval leaves out zero exactly where the p-value is below 0.05', () => {
  const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 8 });
  fc.assert(
    fc.property(values, (differences) => {
      const zeros = differences.map(() => 0);
      const { interval, pValue, std } = pairedDifference(differences, zeros);
      fc.pre(std !== null && std > 1e-6 && Math.abs((pValue ?? 0) - 0.05) > 1e-6);
      const [low = 0, high = 0] = interval ?? [];
      expect(low > 0 || high < 0).toBe((pValue ?? 1) < 0.05);
    }),
  );
});
