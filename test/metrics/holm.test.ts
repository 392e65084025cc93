import { holm } from '../../src/metrics/holm.js';
import fc from '../property.js';

test('adjusts from the smallest p on', () => {
  // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), 'holm')
  const adjusted = [0.03, 0.06, 0.06, 0.02];
  holm([0.01, 0.04, 0.03, 0.005]).forEach((p, i) => {
    expect(p).toBeCloseTo(adjusted[i] as number, 12);
  });
  expect(holm([0.6, 0.7])).toEqual([1, 1]);
  expect(holm([])).toEqual([]);
});

test('missing ones do not count and stay in their places', () => {
  expect(holm([null, 0.02, undefined, Number.NaN, 0.5])).toEqual([null, 0.04, undefined, Number.NaN, 0.5]);
  expect(holm([null])).toEqual([null]);
});

test('rejects as the step-down procedure does', () => {
  const ps = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(ps, (pValues) => {
      const sorted = [...pValues].sort((a, b) => a - b);
      // The first p above 0.05 / (tests left), and all above it, are kept.
      const kept = sorted.findIndex((p, i) => (sorted.length - i) * p > 0.05);
      const rejected = kept < 0 ? sorted.length : kept;
      expect(holm(pValues).filter((p) => (p ?? 1) <= 0.05)).toHaveLength(rejected);
    }),
  );
});
