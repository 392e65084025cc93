import { monteCarloTest } from '../../src/metrics/monteCarlo.js';
import fc from '../property.js';

const rule = { exceedances: 2, nullDraws: 6 };

test('a side stops at its h-th exceedance, or at the most draws', () => {
  // At most 0: the second and third draw, p = 2 / 3. At least 0: the first, fourth and no more of six, p = 2 / 4.
  expect(monteCarloTest(0, [1, -1, -2, 3, -4, -5], rule)).toEqual({
    pValue: 1,
    pDrop: 2 / 3,
    draws: 4,
    mean: 0.25,
    interval: [-1.925, 2.85].map((end): unknown => expect.closeTo(end, 12)),
  });
  // One of six is at most -4.5, so that p = 2 / 7; what comes after six is not looked at.
  const found = monteCarloTest(-4.5, [1, -1, -2, 3, -4, -5, -9, -9], rule);
  expect(found?.pDrop).toBeCloseTo(2 / 7, 12);
  expect(found?.pValue).toBeCloseTo(4 / 7, 12);
  expect(found?.draws).toBe(6);
  // None is.
  expect(monteCarloTest(-6, [1, -1, -2, 3, -4, -5], rule)?.pDrop).toBeCloseTo(1 / 7, 12);
});

test('asks for more draws until both sides are decided', () => {
  expect(monteCarloTest(-6, [], rule)).toBeUndefined();
  expect(monteCarloTest(-6, [1, -1, -2, 3, -4], rule)).toBeUndefined();
  expect(monteCarloTest(0, [1, -1, -2], rule)).toBeUndefined();
  expect(monteCarloTest(0, [1, -1, -2, 3], rule)).toBeDefined();
});

test('what comes in later batches changes nothing, and mirrored values have the same two-sided p', () => {
  const value = fc.integer({ min: -5, max: 5 });
  fc.assert(
    fc.property(value, fc.array(value, { minLength: 6 }), (observed, draws) => {
      const whole = monteCarloTest(observed, draws, rule);
      expect(whole).toBeDefined();
      const first = draws.findIndex((_, i) => monteCarloTest(observed, draws.slice(0, i + 1), rule));
      expect(first + 1).toBe(whole?.draws);
      expect(monteCarloTest(observed, draws.slice(0, first + 1), rule)).toEqual(whole);
      const mirrored = draws.map((draw) => -draw);
      expect(monteCarloTest(-observed, mirrored, rule)?.pValue).toBe(whole?.pValue);
    }),
  );
});

test('draws that tie exceed on both sides, also where rounding tells them apart', () => {
  const change = 0.1 + 0.2;
  expect(monteCarloTest(change, [0.3, 0.3], rule)).toMatchObject({ pValue: 1, pDrop: 1, draws: 2 });
  expect(monteCarloTest(0.3, [change, change], rule)).toMatchObject({ pValue: 1, pDrop: 1, draws: 2 });
  expect(monteCarloTest(0, new Array<number>(6).fill(1e-9), rule)?.pDrop).toBeCloseTo(1 / 7, 12);
});

test('refuses what is no number, and rules that never stop', () => {
  expect(() => monteCarloTest(Number.NaN, [0, 0], rule)).toThrow(RangeError);
  expect(() => monteCarloTest(0, [0, Number.NaN], rule)).toThrow(RangeError);
  expect(() => monteCarloTest(0, [0], { exceedances: 0, nullDraws: 5 })).toThrow(RangeError);
  expect(() => monteCarloTest(0, [0], { exceedances: 1, nullDraws: 0.5 })).toThrow(RangeError);
});
