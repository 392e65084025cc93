import {
  accuracyCoverage,
  changeCoverage,
  meanCoverage,
  seedCoverage,
} from '../../bench/src/simulation/coverage.js';
import { distributions } from '../../bench/src/simulation/distributions.js';
import { power } from '../../bench/src/simulation/power.js';
import { seedTests } from '../../bench/src/simulation/seedTests.js';
import { kolmogorovSmirnov, uniformity } from '../../bench/src/simulation/uniformity.js';

// The short form of scripts/simulate.mjs: where the truth is known, intervals hold it, and tests err as often as they say.

const [normal, , , skewed] = distributions(0.1);
if (!normal || !skewed) throw new RangeError('No distributions');

/** Four standard errors of a share of so many runs. */
function slack(share: number, runs: number, errors = 4): number {
  return errors * Math.sqrt((share * (1 - share)) / runs);
}

function print(what: string, seen: readonly number[]): void {
  process.stdout.write(`  simulation: ${what}: ${seen.map((value) => value.toFixed(4)).join(' ')}\n`);
}

test.each([56, 184, 1000])('intervals of accuracies of %d examples cover 93 to 97 %%', (total) => {
  const found = [0.5, 0.7, 0.9, 0.95].map((share) => accuracyCoverage(total, share).mean);
  print(`accuracies of ${total} examples are covered`, found);
  expect(Math.min(...found)).toBeGreaterThan(0.93);
  expect(Math.max(...found)).toBeLessThan(0.97);
});

test('intervals of changes cover 93 to 97 %, and more where fewer than four examples change', () => {
  const found = [
    [56, 0.05, 0.02],
    [56, 0.1, 0],
    [56, 0.2, 0.1],
    [184, 0.05, 0],
    [184, 0.02, 0.02],
  ].map(([total = 0, lost = 0, gained = 0]) => changeCoverage(total, lost, gained).mean);
  print('changes are covered', found);
  expect(Math.min(...found)).toBeGreaterThan(0.93);
  expect(Math.max(...found)).toBeLessThan(0.97);
  const rare = changeCoverage(56, 0.01, 0).mean;
  print('rare changes are covered', [rare]);
  expect(rare).toBeGreaterThan(0.97);
});

test.each([normal, skewed])('intervals of means of $name values cover 93 to 97 %', (values) => {
  const runs = 2000;
  const found = meanCoverage(values, 56, runs);
  print(`means of 56 values, ${values.name}, are covered`, [found]);
  expect(found).toBeGreaterThan(0.93 - slack(0.93, runs));
  expect(found).toBeLessThan(0.97 + slack(0.97, runs));
});

test.each([normal, skewed])('intervals over 10 seeds of $name differences cover 93 to 97 %', (values) => {
  const runs = 200;
  const { t, bootstrap } = seedCoverage(values, 10, runs);
  print(`means over 10 seeds, ${values.name}, are covered by t and bootstrap`, [t, bootstrap]);
  for (const found of [t, bootstrap]) {
    expect(found).toBeGreaterThan(0.93 - slack(0.93, runs));
    expect(found).toBeLessThan(0.97 + slack(0.97, runs, 2));
  }
});

test('tests over seeds err as often as they say', () => {
  const runs = 300;
  const none = seedTests(normal, { seeds: 10, difference: 0, margin: 1 }, runs);
  const border = seedTests(normal, { seeds: 10, difference: 1, margin: 1 }, runs);
  print('t-test and sign-flip without a difference, equivalence at the margin', [
    none.t,
    none.signFlip,
    border.equivalent,
  ]);
  for (const found of [none.t, none.signFlip, border.equivalent]) {
    expect(found).toBeLessThan(0.05 + slack(0.05, runs));
  }
  for (const found of [none.t, none.signFlip]) expect(found).toBeGreaterThan(0.05 - slack(0.05, runs, 2));
  // With a standard error of 0.32, a difference of 1 is mostly found, and none is mostly told to be below 1.
  expect(Math.min(border.t, border.signFlip, none.equivalent)).toBeGreaterThan(0.7);
});

test.each([
  { exceedances: 10, nullDraws: 300 },
  { exceedances: 1000, nullDraws: 99 },
])('p-values after $exceedances exceedances or $nullDraws draws are uniform', (rule) => {
  const runs = 2000;
  const bound = kolmogorovSmirnov(runs);
  for (const { name, draw } of [normal, skewed]) {
    const { pValue, pDrop } = uniformity(draw, rule, runs);
    print(`p of ${name} draws, off by (bound ${bound.toFixed(4)})`, [
      ...[pValue.above, pValue.below],
      ...[pDrop.above, pDrop.below],
    ]);
    expect(Math.max(pValue.above, pValue.below, pDrop.above, pDrop.below)).toBeLessThan(bound);
  }
  const tied = uniformity(() => Math.round(1.5 * normal.draw()) / 56, rule, runs);
  print('p of draws with ties, above', [tied.pValue.above, tied.pDrop.above]);
  expect(Math.max(tied.pValue.above, tied.pDrop.above)).toBeLessThan(bound);
  expect(tied.pValue.below).toBeGreaterThan(bound);
});

test('margins find a drop of 5 points more often than accuracies, and err as often as they say', () => {
  const runs = 60;
  const rule = { exceedances: 5, nullDraws: 200 };
  const options = { examples: 56, accuracy: 0.9, spread: 0.4 };
  const [dropped] = power({ ...options, drop: 0.05 }, rule, [0.05], runs, 0.2);
  const [none] = power({ ...options, drop: 0 }, rule, [0.05], runs, 0.3);
  const shares = [dropped, none].flatMap((found) => [found?.drop.accuracy ?? 0, found?.drop.margin ?? 0]);
  print('power by accuracy and margin, and under the null', shares);
  const [accuracy = 0, margin = 0, falseAccuracy = 1, falseMargin = 1] = shares;
  expect(margin - accuracy).toBeGreaterThan(0.2);
  expect(Math.max(falseAccuracy, falseMargin)).toBeLessThan(0.05 + slack(0.05, runs));
});
