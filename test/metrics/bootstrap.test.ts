import { randomBinomial, randomLcg } from 'd3-random';
import {
  accuracyInterval,
  changeInterval,
  meanInterval,
  middle,
  type Interval,
} from '../../src/metrics/bootstrap.js';

/** Smallest count whose binomial distribution function reaches `level`: what a bootstrap of many resamples ends at. */
function binomialQuantile(n: number, p: number, level: number): number {
  let logMass = n * Math.log1p(-p);
  let sum = Math.exp(logMass);
  for (let k = 0; k < n; k += 1) {
    if (sum >= level) return k;
    logMass += Math.log(((n - k) / (k + 1)) * (p / (1 - p)));
    sum += Math.exp(logMass);
  }
  return n;
}

test.each([
  [39, 56],
  [88, 184],
  [3, 20],
  [1032, 1057],
])('the interval of %d of %d is the binomial distribution\u2019s middle', (correct, total) => {
  const [low, high] = accuracyInterval(correct, total);
  const exact = [0.025, 0.975].map((level) => binomialQuantile(total, correct / total, level) / total);
  expect(Math.abs(low - (exact[0] ?? Number.NaN))).toBeLessThanOrEqual(Math.max(1, total / 200) / total);
  expect(Math.abs(high - (exact[1] ?? Number.NaN))).toBeLessThanOrEqual(Math.max(1, total / 200) / total);
  expect(accuracyInterval(correct, total)).toEqual([low, high]);
});

test('a change\u2019s interval is as wide as paired differences are', () => {
  const [total, lost, gained] = [1000, 80, 30];
  const [low, high] = changeInterval({ total, lost, gained });
  const change = (gained - lost) / total;
  const deviation = Math.sqrt(((lost + gained) / total - change ** 2) / total);
  expect(low).toBeCloseTo(change - 1.96 * deviation, 2);
  expect(high).toBeCloseTo(change + 1.96 * deviation, 2);
  expect(changeInterval({ total, lost: 0, gained: 0 })).toEqual([0, 0]);
  expect(changeInterval({ total: 10, lost: 10, gained: 0 })).toEqual([-1, -1]);
});

test.each([
  { total: 60, lost: 9, gained: 0 },
  { total: 60, lost: 2, gained: 7 },
  { total: 500, lost: 40, gained: 160 },
])('the intervals of $total, $lost lost and $gained gained, are those of 200,000 resamples', (counts) => {
  const { total, lost, gained } = counts;
  const binomial = randomBinomial.source(randomLcg(0.5));
  const resamples = Array.from({ length: 200_000 }, () => {
    const drawnLost = binomial(total, lost / total)();
    const drawnGained = gained === 0 ? 0 : binomial(total - drawnLost, gained / (total - lost))();
    return { right: total - drawnLost, change: drawnGained - drawnLost };
  });
  const expectMiddle = (interval: Interval, drawn: readonly number[]): void => {
    const sorted = Float64Array.from(drawn).sort();
    const ends = [0.025, 0.975].map((level) => sorted[Math.ceil(level * sorted.length) - 1] as number);
    interval.forEach((end, i) => {
      expect(Math.abs(end * total - (ends[i] as number))).toBeLessThan(1 + 1e-9);
    });
  };
  expectMiddle(
    accuracyInterval(total - lost, total),
    resamples.map(({ right }) => right),
  );
  expectMiddle(
    changeInterval(counts),
    resamples.map(({ change }) => change),
  );
});

test('intervals of many examples are as wide as the normal distribution says', () => {
  const total = 100_000;
  const [low, high] = accuracyInterval(total / 4, total);
  const deviation = Math.sqrt((0.25 * 0.75) / total);
  expect(Math.abs(low - (0.25 - 1.96 * deviation))).toBeLessThan(2 / total);
  expect(Math.abs(high - (0.25 + 1.96 * deviation))).toBeLessThan(2 / total);
  const [lower, upper] = changeInterval({ total, lost: 8000, gained: 3000 });
  const ofChange = Math.sqrt((0.11 - 0.05 ** 2) / total);
  expect(Math.abs(lower - (-0.05 - 1.96 * ofChange))).toBeLessThan(2 / total);
  expect(Math.abs(upper - (-0.05 + 1.96 * ofChange))).toBeLessThan(2 / total);
});

test('a mean\u2019s interval is as wide as its standard error says, and lies where the values do', () => {
  // Skewed, as shares near 0 are.
  const values = Array.from({ length: 400 }, (_, i) => ((i + 0.5) / 400) ** 3);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const error = Math.sqrt(variance / values.length);
  const [low, high] = meanInterval(values);
  expect(Math.abs(low - (mean - 1.96 * error))).toBeLessThan(0.2 * error);
  expect(Math.abs(high - (mean + 1.96 * error))).toBeLessThan(0.2 * error);
  expect(meanInterval(values)).toEqual([low, high]);
  expect(meanInterval([0.25, 0.25])).toEqual([0.25, 0.25]);
});

test('nothing to resample, nothing known', () => {
  expect(accuracyInterval(5, 5)).toEqual([1, 1]);
  expect(accuracyInterval(0, 5)).toEqual([0, 0]);
  expect(accuracyInterval(0, 0)).toEqual([Number.NaN, Number.NaN]);
  expect(changeInterval({ total: 0, lost: 0, gained: 0 })).toEqual([Number.NaN, Number.NaN]);
  expect(meanInterval([])).toEqual([Number.NaN, Number.NaN]);
  expect(middle([3, 1, 2])).toEqual([1.05, 2.95]);
});
