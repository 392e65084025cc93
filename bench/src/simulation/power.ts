import { randomLcg, randomNormal } from 'd3-random';
import jstat from 'jstat';
import { monteCarloTest, type StoppingRule } from '#src/metrics/monteCarlo.js';
import { mean } from '#src/metrics/statistics.js';

const { normal } = jstat.jStat;

/** The effect of perturbed neurons on one group's logit margins, which are normal with a standard deviation of 1. */
export interface PowerCase {
  readonly examples: number;
  /** Accuracy of the model as it is: the share of margins above 0. */
  readonly accuracy: number;
  /** The accuracy that zeroing the chosen neurons costs; 0 makes them a random set, which shows how often a test is wrong. */
  readonly drop: number;
  /**
   * Standard deviation over random sets of the shift of all margins, as a share of the shift that takes 5 points of
   * accuracy.
   */
  readonly spread: number;
}

/** Shares of runs with p at most a level. */
export interface Power {
  readonly accuracy: number;
  readonly margin: number;
}

/** Power at a level, of the p for a drop and of the two-sided p. */
export interface LevelPower {
  readonly level: number;
  readonly drop: Power;
  readonly twoSided: Power;
}

/** Correlation of an example's margins before and after: the effect of a set differs between examples. */
const CORRELATION = 0.95;
const DROP = 0.05;
/** Draws that are added at a time. */
const BATCH = 50;

/**
 * Simulates tests of a chosen set of neurons against random ones, by the change of accuracy and by the mean change of the
 * margin of the same examples.
 */
export function power(
  { examples, accuracy, drop, spread }: PowerCase,
  rule: StoppingRule,
  levels: readonly number[],
  runs: number,
  seed: number,
): LevelPower[] {
  const standard = randomNormal.source(randomLcg(seed))();
  const center = normal.inv(accuracy, 0, 1);
  const shiftOf = (points: number): number => center - normal.inv(accuracy - points, 0, 1);
  const noise = Math.sqrt(1 - CORRELATION ** 2);
  const tests = Array.from({ length: runs }, () => {
    const before = Float64Array.from({ length: examples }, () => center + standard());
    const changeBy = (shift: number): { accuracy: number; margin: number } => {
      let [right, margin] = [0, 0];
      for (const value of before) {
        const after = center + CORRELATION * (value - center) + noise * standard() - shift;
        right += Number(after > 0) - Number(value > 0);
        margin += after - value;
      }
      return { accuracy: right / examples, margin: margin / examples };
    };
    const random = (): number => spread * shiftOf(DROP) * standard();
    const observed = changeBy(drop === 0 ? random() : shiftOf(drop));
    const draws = { accuracy: [] as number[], margin: [] as number[] };
    for (;;) {
      for (let i = 0; i < BATCH; i += 1) {
        const change = changeBy(random());
        draws.accuracy.push(change.accuracy);
        draws.margin.push(change.margin);
      }
      const byAccuracy = monteCarloTest(observed.accuracy, draws.accuracy, rule);
      const byMargin = monteCarloTest(observed.margin, draws.margin, rule);
      if (byAccuracy && byMargin) return { accuracy: byAccuracy, margin: byMargin };
    }
  });
  const shares = (p: 'pDrop' | 'pValue', level: number): Power => ({
    accuracy: mean(tests.map((test) => Number(test.accuracy[p] <= level))),
    margin: mean(tests.map((test) => Number(test.margin[p] <= level))),
  });
  return levels.map((level) => ({ level, drop: shares('pDrop', level), twoSided: shares('pValue', level) }));
}
