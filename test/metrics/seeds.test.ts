import { bootstrapInterval } from '../../src/metrics/bootstrap.js';
import { equivalence } from '../../src/metrics/equivalence.js';
import { meanInterval } from '../../src/metrics/intervals.js';
import { pairedDifference, summarizeSeeds } from '../../src/metrics/seeds.js';
import { signFlip } from '../../src/metrics/signFlip.js';
import { momentsOf } from '../../src/metrics/statistics.js';

test('an interval by Student\u2019s t', () => {
  const values = [1, 2, 3, 4, 5];
  const std: unknown = expect.closeTo(1.5811388, 6);
  expect(summarizeSeeds(values)).toMatchObject({ mean: 3, std, interval: meanInterval(momentsOf(values)) });
  expect(summarizeSeeds([0.4])).toEqual({ mean: 0.4, std: null, interval: null, bootstrap: null });
});

test('a paired t-test', () => {
  // scipy.stats.ttest_rel gives 0.0132
  const difference = pairedDifference([11, 22, 33, 44, 55], [10, 20, 30, 40, 50]);
  expect(difference.mean).toBe(3);
  expect(difference.pValue).toBeCloseTo(0.01324, 4);
  expect(pairedDifference([1, 2], [1, 2]).pValue).toBe(1);
  expect(pairedDifference([1], [2]).pValue).toBeNull();
  // Equal differences have no spread to judge them by.
  const none = { pValue: null, interval: null };
  expect(pairedDifference([0.5, 0.625], [0.375, 0.5])).toMatchObject({ mean: 0.125, ...none });
  const shares = (counts: readonly number[]): number[] => counts.map((count) => count / 56);
  expect(pairedDifference(shares([10, 12, 14]), shares([8, 10, 12]))).toMatchObject({ std: 0, ...none });
  // Below the spacing of numbers near 1.
  const tiny = pairedDifference([1, 1.01, 0.99, 1, 1.01, 0.99, 1, 1.01, 0.99, 1], Array<number>(10).fill(0));
  expect(tiny.pValue).toBeGreaterThan(0);
  expect(tiny.pValue).toBeLessThan(1e-17);
  expect(() => pairedDifference([1, 2], [1])).toThrow(RangeError);
});

// Fisher's, of Darwin's maize (The Design of Experiments, section 21): of 2^15 signs, 863 sums on each side are at least 314.
const MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48];

test('a sign-flip test tries all signs', () => {
  expect(signFlip(MAIZE)).toEqual({ pValue: (2 * 863) / 2 ** 15, assignments: 2 ** 15, exact: true });
  expect(signFlip([1, 2, 3, 4, 5])?.pValue).toBe(2 / 2 ** 5);
  expect(signFlip([0, 0])?.pValue).toBe(1);
  expect(signFlip([0.3])?.pValue).toBe(1);
  expect(signFlip([0.3, Number.NaN])).toBeNull();
  expect(signFlip([])).toBeNull();
  // 1, 3, -2 and 1 seventeenths, as differences of shares that are rounded to five digits.
  const rounded = [0.058824, 0.17647, -0.11764, 0.05882];
  expect([0, 1e-5].map((resolution) => signFlip(rounded, resolution)?.pValue)).toEqual([0.5, 0.625]);
  // 0.1 + 0.2 - 0.3 is not 0 in floating point.
  expect(signFlip([0.1, 0.2, -0.3])?.pValue).toBe(1);
});

test('a sign-flip test of many differences draws signs', () => {
  // Ten times two of MAIZE are no more than 20; with six zeros there are 21, which leave the sums as they are.
  const drawn = signFlip([...MAIZE, 0, 0, 0, 0, 0, 0]);
  expect(drawn).toMatchObject({ assignments: 100_000, exact: false });
  const exact = (2 * 863) / 2 ** 15;
  expect(Math.abs((drawn?.pValue ?? 1) - exact)).toBeLessThan(4 * Math.sqrt((exact * (1 - exact)) / 100_000));
  expect(signFlip(new Array<number>(60).fill(1))?.pValue).toBe(1 / 100_001);
});

test('an equivalence test', () => {
  const differences = [0.01, -0.02, 0.015, 0, -0.005];
  // Mean 0, standard error 0.0061237; t(0.95, 4) = 2.131847.
  const found = equivalence(differences, 0.02);
  expect(found?.interval).toEqual([expect.closeTo(-0.013055, 5), expect.closeTo(0.013055, 5)]);
  // scipy.stats.t.sf(0.02 / 0.0061237, 4)
  expect(found?.pValue).toBeCloseTo(0.0154, 3);
  expect(found?.equivalent).toBe(true);
  expect(equivalence(differences, 0.013)?.equivalent).toBe(false);
  expect(equivalence([0.1, 0.1], 0.2)).toMatchObject({ pValue: 0, equivalent: true });
  expect(equivalence([0.3, 0.3], 0.2)).toMatchObject({ pValue: 1, equivalent: false });
  expect(equivalence([0.1], 0.2)).toBeNull();
  expect(() => equivalence(differences, 0)).toThrow(RangeError);
});

test('a bootstrap interval lies like Student\u2019s, and leans to where values are spread', () => {
  const even = Array.from({ length: 30 }, (_, i) => i - 14.5);
  const { interval, bootstrap, std } = summarizeSeeds(even);
  const error = (std ?? 0) / Math.sqrt(30);
  expect(Math.abs((bootstrap?.[0] ?? 0) - (interval?.[0] ?? 0))).toBeLessThan(0.15 * error);
  expect(Math.abs((bootstrap?.[1] ?? 0) - (interval?.[1] ?? 0))).toBeLessThan(0.15 * error);
  const skewed = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.9, 1.5, 4];
  const [low = 0, high = 0] = bootstrapInterval(skewed) ?? [];
  expect(high - 0.85).toBeGreaterThan(2 * (0.85 - low));
  expect(bootstrapInterval(skewed)).toEqual([low, high]);
});

test('too few seeds, or too few different ones, have no bootstrap interval', () => {
  expect(bootstrapInterval([1, 2, 3, 4, 5])).toBeNull();
  expect(bootstrapInterval([0, 0, 0, 0, 0, 0, 0, 1])).toBeNull();
  expect(bootstrapInterval([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toBeNull();
});

test('a paired difference has all of them, and an equivalence test where a margin is given', () => {
  const zeros = MAIZE.map(() => 0);
  const found = pairedDifference(MAIZE, zeros, 100);
  expect(found).toMatchObject(summarizeSeeds(MAIZE));
  expect(found.signFlip).toEqual(signFlip(MAIZE));
  expect(found.bootstrap).toEqual(bootstrapInterval(MAIZE));
  expect(found.equivalence).toEqual(equivalence(MAIZE, 100));
  expect(pairedDifference(MAIZE, zeros).equivalence).toBeNull();
});
