import {
  accuracyGap,
  errorBound,
  expectation,
  fisherTest,
  testPower,
} from '../../src/extras/discover/blindTest.js';

test('p, gap, interval and bound equal those of scipy', () => {
  // 50 of 876 images wrong; scipy.stats.fisher_exact and beta.ppf, the interval from 20,000 scrambled Halton points.
  const ticked = { wrong: 25, wrongTicked: 9, right: 55, rightTicked: 2 };
  expect(fisherTest(ticked)).toBeCloseTo(0.000307135, 8);
  const { estimate, interval } = accuracyGap(ticked, { images: 876, wrong: 50 });
  expect(estimate).toBeCloseTo(0.336, 3);
  expect(interval[0]).toBeCloseTo(0.09, 1);
  expect(interval[1]).toBeCloseTo(0.72, 1);
  expect(errorBound({ images: 949, wrong: 0 })).toBeCloseTo(0.0031517, 6);
  expect(errorBound({ images: 3, wrong: 3 })).toBe(1);
});

test('without a tick p is 1, and without a right one the estimate is the middle of the interval', () => {
  const of = { images: 500, wrong: 50 };
  expect(fisherTest({ wrong: 10, wrongTicked: 0, right: 10, rightTicked: 0 })).toBeCloseTo(1, 12);
  expect(accuracyGap({ wrong: 10, wrongTicked: 0, right: 10, rightTicked: 0 }, of).estimate).toBeUndefined();
  const { estimate = 1 } = accuracyGap({ wrong: 10, wrongTicked: 5, right: 10, rightTicked: 0 }, of);
  expect(estimate).toBeLessThan(1);
  expect(estimate).toBeGreaterThan(0.3);
});

test('with all images ticked the estimate is the middle of the interval', () => {
  const all = { wrong: 10, wrongTicked: 10, right: 10, rightTicked: 10 };
  const { estimate = Number.NaN, interval } = accuracyGap(all, { images: 500, wrong: 50 });
  expect(fisherTest(all)).toBeCloseTo(1, 12);
  expect(estimate).toBeGreaterThan(interval[0]);
  expect(estimate).toBeLessThan(interval[1]);
});

test.each([
  [0.6, 44],
  [0.4, 76],
  [0.2, 208],
])('a gap of %d in 5 %% of a class with an error of 10 %% is found with 80 %% by %i ticks', (gap, ticks) => {
  const power = (images: number): number | undefined =>
    testPower({ images: 2000, error: 0.1, share: 0.05, gap }, images);
  for (const more of [0, 4, 8]) expect(power(ticks + more)).toBeGreaterThanOrEqual(0.8);
  expect(Math.min(...[-4, 0, 4].map((more) => power(ticks + more) ?? 0))).toBeLessThan(0.8);
});

test('the interval covers, and the test has its size', () => {
  const of = { images: 500, error: 0.1, share: 0.1, gap: 0.2 };
  const covered = expectation(of, 40, (ticked, counts) => {
    const [low, high] = accuracyGap(ticked, counts).interval;
    return Number(low <= 0.2 && 0.2 <= high);
  });
  expect(covered).toBeGreaterThan(0.93);
  for (const share of [0.02, 0.1, 0.2]) {
    expect(testPower({ images: 2000, error: 0.1, share, gap: 0 }, 100)).toBeLessThan(0.04);
  }
  // No class has so large a gap with so small an error.
  expect(testPower({ images: 500, error: 0.01, share: 0.2, gap: 0.6 }, 40)).toBeUndefined();
});
