import { accuracyInterval, changeInterval, meanInterval } from '../../src/metrics/intervals.js';
import { middle, momentsOf } from '../../src/metrics/statistics.js';
import fc from '../property.js';

test('Wilson\u2019s interval', () => {
  // Newcombe (Statistics in Medicine 17, 1998), Table I, method 3.
  expect(accuracyInterval(81, 263)).toEqual([expect.closeTo(0.2553, 4), expect.closeTo(0.3662, 4)]);
  expect(accuracyInterval(15, 148)).toEqual([expect.closeTo(0.0624, 4), expect.closeTo(0.1605, 4)]);
  // All and none right: n / (n + z^2).
  const one = 56 / (56 + 1.959963984540054 ** 2);
  expect(accuracyInterval(56, 56)).toEqual([expect.closeTo(one, 12), 1]);
  expect(accuracyInterval(0, 56)).toEqual([0, expect.closeTo(1 - one, 12)]);
  expect(accuracyInterval(1, 1)).toEqual([expect.closeTo(0.2065, 4), 1]);
  expect(accuracyInterval(0, 0)).toEqual([Number.NaN, Number.NaN]);
});

test('an accuracy\u2019s ends are where the score test is at 5 %', () => {
  const counts = fc.tuple(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1, noNaN: true }));
  fc.assert(
    fc.property(counts, ([total, share]) => {
      const correct = Math.round(share * total);
      const interval = accuracyInterval(correct, total);
      for (const end of interval.filter((value) => value > 0 && value < 1)) {
        const score = (correct / total - end) / Math.sqrt((end * (1 - end)) / total);
        expect(Math.abs(score)).toBeCloseTo(1.959964, 5);
      }
      expect(interval[0]).toBeLessThanOrEqual(correct / total);
      expect(interval[1]).toBeGreaterThanOrEqual(correct / total);
    }),
  );
});

test('a change\u2019s ends are where the likelihood-restricted score is at 5 %', () => {
  const counts = fc
    .tuple(fc.integer({ min: 1, max: 400 }), fc.double({ min: 0, max: 1 }), fc.double({ min: 0, max: 1 }))
    .filter(([, share, part]) => !Number.isNaN(share + part))
    .map(([total, share, part]) => {
      const changed = Math.round(share * total);
      const lost = Math.round(part * changed);
      return { total, lost, gained: changed - lost };
    });
  fc.assert(
    fc.property(counts, (found) => {
      const { total, lost, gained } = found;
      const [low, high] = changeInterval(found);
      const change = (gained - lost) / total;
      expect(low).toBeLessThanOrEqual(change);
      expect(high).toBeGreaterThanOrEqual(change);
      expect(low).toBeGreaterThanOrEqual(-1);
      expect(high).toBeLessThanOrEqual(1);
      expect(high - low).toBeGreaterThan(0);
      // Lost and gained change places.
      const [otherLow, otherHigh] = changeInterval({ total, lost: gained, gained: lost });
      expect(otherLow).toBeCloseTo(-high, 9);
      expect(otherHigh).toBeCloseTo(-low, 9);
      for (const end of [low, high]) {
        if (Math.abs(end) > 1 - 1e-9) continue;
        const lostShare = likeliestLostShare(found, end);
        const variance = (2 * lostShare + end - end ** 2) / total;
        expect(Math.abs(change - end) / Math.sqrt(variance)).toBeCloseTo(1.959964, 2);
      }
    }),
    { numRuns: 300 },
  );
});

/** The share of lost examples that makes the counts likeliest if the change is as given: by trying, not by Tango's formula. */
function likeliestLostShare(
  { total, lost, gained }: { total: number; lost: number; gained: number },
  change: number,
): number {
  const stayed = total - lost - gained;
  const term = (count: number, share: number): number =>
    count === 0 ? 0 : count * Math.log(Math.max(share, 0));
  const logLikelihood = (share: number): number =>
    term(lost, share) + term(gained, share + change) + term(stayed, 1 - 2 * share - change);
  // The likelihood has one peak: golden section.
  let [low, high] = [Math.max(0, -change), (1 - change) / 2];
  for (let step = 0; step < 200; step += 1) {
    const [left, right] = [high - 0.618 * (high - low), low + 0.618 * (high - low)];
    if (logLikelihood(left) >= logLikelihood(right)) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

test('changes of many examples, at the edge, and of no examples', () => {
  // As wide as the normal distribution says.
  const total = 100_000;
  const reachOfMany = 1.96 * Math.sqrt((0.11 - 0.05 ** 2) / total);
  const [low, high] = changeInterval({ total, lost: 8000, gained: 3000 });
  expect([low, high]).toEqual(
    [-0.05 - reachOfMany, -0.05 + reachOfMany].map((end): unknown => expect.closeTo(end, 4)),
  );
  // No example changed: +-z^2 / (n + z^2).
  const reach = 1.959963984540054 ** 2 / (56 + 1.959963984540054 ** 2);
  expect(changeInterval({ total: 56, lost: 0, gained: 0 })).toEqual([
    expect.closeTo(-reach, 9),
    expect.closeTo(reach, 9),
  ]);
  expect(changeInterval({ total: 10, lost: 10, gained: 0 })[0]).toBeCloseTo(-1, 9);
  expect(changeInterval({ total: 1, lost: 0, gained: 1 })[1]).toBeCloseTo(1, 9);
  expect(changeInterval({ total: 0, lost: 0, gained: 0 })).toEqual([Number.NaN, Number.NaN]);
});

test('the t interval of a mean', () => {
  // t(0.975, 4) = 2.776445
  const [low, high] = meanInterval(momentsOf([1, 2, 3, 4, 5]));
  expect(low).toBeCloseTo(3 - 1.963243, 5);
  expect(high).toBeCloseTo(3 + 1.963243, 5);
  expect(meanInterval({ count: 4, mean: 0.25, variance: 0 })).toEqual([0.25, 0.25]);
  expect(meanInterval(momentsOf([0.25]))).toEqual([Number.NaN, Number.NaN]);
  expect(meanInterval(momentsOf([]))).toEqual([Number.NaN, Number.NaN]);
  // CelebA's largest group: the normal distribution.
  const [, many] = meanInterval({ count: 71_629, mean: 0, variance: 71_629 });
  expect(many).toBeCloseTo(1.96, 3);
});

test('the middle 95 %', () => {
  expect(middle(Array.from({ length: 41 }, (_, i) => 40 - i))).toEqual([1, 39]);
});
