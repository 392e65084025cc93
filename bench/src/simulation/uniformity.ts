import { type MonteCarloTest, monteCarloTest, type StoppingRule } from '#src/metrics/monteCarlo.js';

/** Draws that are added at a time. */
const BATCH = 50;

/** The distance of the distribution of p-values under the null from the diagonal, at the p-values that the rule can give. */
export interface Uniformity {
  /** The largest excess of the share of p <= a over a. */
  readonly above: number;
  /** The largest excess of a over that share. */
  readonly below: number;
}

/** A sequential test whose draws come in batches until it is decided. */
function decide(observed: number, rule: StoppingRule, draw: () => number): MonteCarloTest {
  const draws: number[] = [];
  for (;;) {
    for (let i = 0; i < BATCH; i += 1) draws.push(draw());
    const test = monteCarloTest(observed, draws, rule);
    if (test) return test;
  }
}

/** Tests whose observed value is a draw like the others. */
export function uniformity(
  draw: () => number,
  rule: StoppingRule,
  runs: number,
): { readonly pDrop: Uniformity; readonly pValue: Uniformity; readonly draws: number } {
  const tests = Array.from({ length: runs }, () => decide(draw(), rule, draw));
  const { exceedances, nullDraws } = rule;
  const levels = [
    ...Array.from({ length: exceedances }, (_, found) => (found + 1) / (nullDraws + 1)),
    ...Array.from({ length: nullDraws }, (_, l) => exceedances / (l + 1)),
  ];
  return {
    pDrop: distanceFromDiagonal(
      tests.map(({ pDrop }) => pDrop),
      levels,
    ),
    pValue: distanceFromDiagonal(
      tests.map(({ pValue }) => pValue),
      levels.map((level) => 2 * level),
    ),
    draws: tests.reduce((sum, test) => sum + test.draws, 0) / runs,
  };
}

/** Kolmogorov and Smirnov's bound: one in a hundred sets of `runs` uniform values has a larger distance. */
export function kolmogorovSmirnov(runs: number): number {
  return 1.628 / Math.sqrt(runs);
}

function distanceFromDiagonal(pValues: readonly number[], levels: readonly number[]): Uniformity {
  const sorted = Float64Array.from(pValues).sort();
  const attainable = Float64Array.from(levels.filter((level) => level <= 1)).sort();
  let [above, below, at] = [0, 0, 0];
  for (const level of attainable) {
    while (at < sorted.length && (sorted[at] as number) <= level + 1e-12) at += 1;
    above = Math.max(above, at / sorted.length - level);
    below = Math.max(below, level - at / sorted.length);
  }
  return { above, below };
}
