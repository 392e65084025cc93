import jstat from 'jstat';
import type { Interval } from './intervals.js';
import { momentsOf } from './statistics.js';

const { studentt } = jstat.jStat;

const ALPHA = 0.05;

export type Equivalence = NonNullable<ReturnType<typeof equivalence>>;

/**
 * Two one-sided t-tests (TOST; Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987) that a mean of paired
 * differences lies between -margin and margin, chosen before the differences were seen; null for fewer than two differences.
 */
export function equivalence(differences: readonly number[], margin: number) {
  if (!(margin > 0)) throw new RangeError(`A margin of ${margin}`);
  const { count, mean, variance } = momentsOf(differences);
  if (count < 2) return null;
  const error = Math.sqrt(variance / count);
  const reach = studentt.inv(1 - ALPHA, count - 1) * error;
  const inside = margin - Math.abs(mean);
  // 90 %, by Student's t.
  const interval: Interval = [mean - reach, mean + reach];
  return {
    margin,
    /** The larger p of both tests. */
    pValue: error === 0 ? Number(inside <= 0) : studentt.cdf(-inside / error, count - 1),
    interval,
    /** Whether the interval lies between -margin and margin: p < 0.05. */
    equivalent: reach < inside,
  };
}
