import { summarize, verdictOf, withTests } from '../../src/kit/summarize.js';

/** Student's t with two degrees of freedom. */
const T = { two: 4.302653, one: 2.919986 };

const rows = ['a', 'b', 'c'].flatMap((seed, at) => [
  { arm: 'base', seed, group: 0, x: [0.5, 0.6, 0.4][at] ?? null, y: at },
  // Two rows of one replicate count as their mean.
  { arm: 'other', seed, group: 0, x: [0.6, 0.8, 0.6][at] ?? null, y: null },
  { arm: 'other', seed, group: 0, x: [0.8, 0.8, 0.8][at] ?? null, y: at === 0 ? null : at },
]);

test('a mean is over replicates, with its standard deviation and t interval', () => {
  const [base, other] = summarize(rows, { by: ['arm', 'group'], over: 'seed', measures: ['x', 'y'] });
  expect(base).toMatchObject({ arm: 'base', group: 0, n: 3, xValues: [0.5, 0.6, 0.4], y: 1, yStd: 1 });
  expect(base?.x).toBeCloseTo(0.5, 12);
  expect(base?.xStd).toBeCloseTo(0.1, 12);
  expect(base?.xLow).toBeCloseTo(0.5 - (T.two * 0.1) / Math.sqrt(3), 6);
  expect(base?.xHigh).toBeCloseTo(0.5 + (T.two * 0.1) / Math.sqrt(3), 6);
  expect(other?.x).toBeCloseTo((0.7 + 0.8 + 0.7) / 3, 12);
  // A replicate has no number.
  expect(other).not.toHaveProperty('y');
});

test('a partial measure is over the replicates that have it', () => {
  const known = rows.filter(({ arm, x }) => arm === 'base' && x !== null);
  const lacking = known.map((row) => ({ ...row, x: row.seed === 'b' ? null : row.x }));
  const plan = { by: ['arm'], over: 'seed', measures: ['x'] };
  expect(summarize(lacking, plan)).toEqual([{ arm: 'base', n: 3 }]);
  expect(summarize(lacking, { ...plan, isPartial: true })[0]).toMatchObject({ n: 3, xValues: [0.5, 0.4] });
  expect(summarize([], plan)).toEqual([]);
  // One replicate has no interval.
  const [one] = summarize(known.slice(0, 1), plan);
  expect(one).toMatchObject({ n: 1, x: 0.5, xStd: null, xLow: null, xHigh: null });
});

test('differences are paired by replicate, in either direction', () => {
  const plan = { by: ['arm', 'group'], over: 'seed', measures: ['x'] };
  // In another order than the others' replicates.
  const shuffled = [...rows].reverse();
  const [minus, ...more] = summarize(shuffled, { ...plan, minus: { arm: 'base' } });
  expect(more).toEqual([]);
  expect(minus?.arm).toBe('other');
  const expected = [0.7 - 0.4, 0.8 - 0.6, 0.7 - 0.5];
  (minus?.xValues as number[]).forEach((value, at) => {
    expect(value).toBeCloseTo(expected[at] ?? 0, 12);
  });
  const [from] = summarize(shuffled, { ...plan, from: { arm: 'base' } });
  expect(from?.x).toBeCloseTo(-Number(minus?.x), 12);
  // Nothing to pair with.
  const unpaired = summarize(rows, { ...plan, minus: { arm: 'missing' } });
  expect(unpaired.map((row) => row.x)).toEqual([undefined, undefined]);
});

const summaries = [
  { name: 'small', family: 'one', mean: 1, values: [1, 2, 3, 4, 5, 6] },
  { name: 'mixed', family: 'one', mean: 1, values: [-1, 2, 3, 4, 5, 6] },
  { name: 'alone', family: 'two', mean: 1, values: [1, 2, 3, 4, 5, 6] },
  { name: 'described', family: null, mean: 1, values: [1, 2, 3, 4, 5, 6] },
  { name: 'few', family: 'one', mean: 1, values: [1, 2, 3, 4, 5] },
].map(({ values, mean, ...row }) => ({ ...row, x: mean, xValues: values }));
const familyOf = (row: Readonly<Record<string, unknown>>): string | null => row.family as string | null;

test('Holm corrects sign-flip p-values within a family', () => {
  const tested = withTests(summaries, 'x', { family: familyOf, least: 6 });
  expect(tested.map(({ xP, xPHolm }) => [xP, xPHolm])).toEqual([
    // 2 and 4 of 64 signs; factors 2 and 1.
    [2 / 64, 4 / 64],
    [4 / 64, 4 / 64],
    [2 / 64, 2 / 64],
    [undefined, undefined],
    [undefined, undefined],
  ]);
  // Values that may be off by 1 tie: the signs of 1 and -1 do not matter.
  const [, rounded] = withTests(summaries, 'x', { family: familyOf, least: 6, resolution: () => 1 });
  expect(Number(rounded?.xP)).toBeGreaterThan(4 / 64);
});

test('rows that are one test count once', () => {
  const equal = summaries.map((row) => ({ ...row, group: row.name === 'mixed' ? 1 : 0 }));
  const options = { family: () => 'one', least: 6, same: ['group', 'xValues'] };
  // Three rows are the first test, and have its p.
  expect(withTests(equal, 'x', options).map(({ xPHolm }) => xPHolm)).toEqual([
    ...[4 / 64, 4 / 64, 4 / 64, 4 / 64],
    undefined,
  ]);
});

test('two one-sided tests ask whether a mean lies within a margin', () => {
  const row = { x: 0.1, xValues: [0, 0.1, 0.2] };
  const reach = (T.one * 0.1) / Math.sqrt(3);
  const [within] = withTests([row], 'x', { family: () => null, margin: () => 0.3 });
  expect(within?.xWithin).toBe(true);
  expect(within?.xWithinLow).toBeCloseTo(0.1 - reach, 6);
  expect(within?.xWithinHigh).toBeCloseTo(0.1 + reach, 6);
  expect(withTests([row], 'x', { family: () => null, margin: () => 0.2 })[0]?.xWithin).toBe(false);
  expect(withTests([row], 'x', { family: () => null })).toEqual([row]);
});

test.each([
  [{ x: 1, xPHolm: 0.049 }, 1, 'claimed'],
  [{ x: 1, xPHolm: 0.049 }, -1, 'opposite'],
  [{ x: 1, xPHolm: 0.05, xWithin: true }, 1, 'small'],
  [{ x: 1, xPHolm: 0.05, xWithin: false }, 1, 'unclear'],
  [{ x: 1, xWithin: true }, 1, ''],
])('%j with sign %i: %s', (row, sign, verdict) => {
  const words = { claimed: 'claimed', opposite: 'opposite', small: 'small', unclear: 'unclear' };
  expect(verdictOf(row, 'x', sign, words)).toBe(verdict);
});
