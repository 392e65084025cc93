import jstat from 'jstat';
import type { Interval } from './intervals.js';
import { momentsOf } from './statistics.js';

const { studentt } = jstat.jStat;

/** The level of each of the two tests. */
const ALPHA = 0.05;

/** An equivalence test of paired differences, all in the unit of the differences. */
export interface Equivalence {
  readonly margin: number;
  /** The larger p of the two one-sided tests. */
  readonly pValue: number;
  /** 90 % interval of the mean by Student's t. */
  readonly interval: Interval;
  /** Whether the interval lies between -margin and margin: p < 0.05. */
  readonly equivalent: boolean;
}

/**
 * Two one-sided t-tests (TOST; Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987) that a mean difference
 * lies between -margin and margin.
 *
 * @param margin the largest difference that would not matter, chosen before the differences were seen
 * @returns null of fewer than two differences
 * @throws RangeError for a margin that is not above 0
 */
export function equivalence(differences: readonly number[], margin: number): Equivalence | null {
  if (!(margin > 0)) throw new RangeError(`A margin of ${margin}`);
  const { count, mean, variance } = momentsOf(differences);
  if (count < 2) return null;
  const error = Math.sqrt(variance / count);
  const reach = studentt.inv(1 - ALPHA, count - 1) * error;
  const inside = margin - Math.abs(mean);
  return {
    margin,
    pValue: error === 0 ? Number(inside <= 0) : studentt.cdf(-inside / error, count - 1),
    interval: [mean - reach, mean + reach],
    equivalent: reach < inside,
  };
}
