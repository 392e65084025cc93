import { randomLcg } from 'd3-random';
import { quantileSorted } from 'simple-statistics';
import { binomial, countQuantile, gainedMinusLost, type CountDistribution } from './binomial.js';

/** Resamples, where the bootstrap's distribution has to be drawn, and the level of the intervals. */
export const BOOTSTRAP = { resamples: 2000, level: 0.95 } as const;

const TAIL = (1 - BOOTSTRAP.level) / 2;

/** [low, high]. */
export type Interval = readonly [number, number];

/**
 * Percentile bootstrap of an accuracy: examples are drawn with replacement, so that a resample's correct ones are
 * binomial. Exact, as of infinitely many resamples: both ends are the smallest accuracy whose distribution function is at
 * least 2.5 % and 97.5 %.
 *
 * @returns the interval of correct / total, as fractions; [NaN, NaN] of no examples
 */
export function accuracyInterval(correct: number, total: number): Interval {
  return middleOf(binomial(total, correct / total), total);
}

/**
 * Percentile bootstrap of a change of accuracy on the same examples (paired): each was lost, gained or stayed, so that a
 * resample's lost and gained ones are multinomial. Exact, with ends as `accuracyInterval`'s.
 *
 * @returns the interval of (gained - lost) / total, as fractions; [NaN, NaN] of no examples
 */
export function changeInterval({
  total,
  lost,
  gained,
}: {
  readonly total: number;
  readonly lost: number;
  readonly gained: number;
}): Interval {
  return middleOf(gainedMinusLost(total, lost / total, gained / total), total);
}

/**
 * Percentile bootstrap of a mean: the values are drawn with replacement. Reproducible: the seed is fixed.
 *
 * @returns [NaN, NaN] of no values
 */
export function meanInterval(values: readonly number[]): Interval {
  const { length } = values;
  const random = randomLcg(0);
  const means = Array.from({ length: BOOTSTRAP.resamples }, () => {
    let sum = 0;
    for (let draw = 0; draw < length; draw += 1) sum += values[Math.floor(random() * length)] as number;
    return sum / length;
  });
  return middle(means);
}

/** The middle 95 % of values, between their 2.5th and 97.5th percentile. */
export function middle(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  return [quantileSorted(sorted, TAIL), quantileSorted(sorted, 1 - TAIL)];
}

function middleOf(counts: CountDistribution, total: number): Interval {
  return [countQuantile(counts, TAIL) / total, countQuantile(counts, 1 - TAIL) / total];
}
