import { randomBinomial, randomLcg } from 'd3-random';
import { quantileSorted } from 'simple-statistics';

/** Resamples, and the level of the intervals. */
export const BOOTSTRAP = { resamples: 2000, level: 0.95 } as const;

/** [low, high]. */
export type Interval = readonly [number, number];

/**
 * Percentile bootstrap of an accuracy: examples are drawn with replacement, so that a resample's correct ones are
 * binomial. Reproducible: the seed is fixed.
 *
 * @returns the interval of correct / total, as fractions; [NaN, NaN] of no examples
 */
export function accuracyInterval(correct: number, total: number): Interval {
  return bootstrap((random) => binomial(random, total, correct / total) / total);
}

/**
 * Percentile bootstrap of a change of accuracy on the same examples (paired): each was lost, gained or stayed, so that a
 * resample's lost and gained ones are multinomial.
 *
 * @returns the interval of (gained - lost) / total, as fractions
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
  return bootstrap((random) => {
    const drawnLost = binomial(random, total, lost / total);
    const drawnGained = binomial(random, total - drawnLost, gained / (total - lost));
    return (drawnGained - drawnLost) / total;
  });
}

/**
 * Percentile bootstrap of a mean: the values are drawn with replacement.
 *
 * @returns [NaN, NaN] of no values
 */
export function meanInterval(values: readonly number[]): Interval {
  const { length } = values;
  return bootstrap((random) => {
    let sum = 0;
    for (let draw = 0; draw < length; draw += 1) sum += values[Math.floor(random() * length)] as number;
    return sum / length;
  });
}

/** The middle 95 % of values, between their 2.5th and 97.5th percentile. */
export function middle(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const tail = (1 - BOOTSTRAP.level) / 2;
  return [quantileSorted(sorted, tail), quantileSorted(sorted, 1 - tail)];
}

function bootstrap(resample: (random: () => number) => number): Interval {
  const random = randomLcg(0);
  return middle(Array.from({ length: BOOTSTRAP.resamples }, () => resample(random)));
}

function binomial(random: () => number, n: number, p: number): number {
  // d3's algorithm is for 0 < p < 1.
  if (n === 0 || p === 0) return 0;
  return p >= 1 ? n : randomBinomial.source(random)(n, p)();
}
