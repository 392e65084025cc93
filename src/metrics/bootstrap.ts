import { randomLcg } from 'd3-random';
import type { Interval } from './intervals.js';
import { middle, momentsOf } from './statistics.js';

/** Too many resamples of fewer values repeat a single one. */
const BOOTSTRAP = { resamples: 5000, fewest: 6 } as const;

/**
 * Studentized bootstrap interval of a mean over seeds (bootstrap-t; Efron and Tibshirani, An Introduction to the Bootstrap,
 * 1993, section 12.5), with seeded draws; null for fewer than 6 values, or if too many resamples repeat one value. Coverage for 10 seeds
 * (docs/reliability.md): 94.5 to 95.3 % for normal and mildly skewed values; the percentile bootstrap and BCa cover 89 %.
 */
export function bootstrapInterval(values: readonly number[]): Interval | null {
  const { count, mean, variance } = momentsOf(values);
  if (count < BOOTSTRAP.fewest) return null;
  const random = randomLcg(0);
  const resample = new Float64Array(count);
  const ratios = new Float64Array(BOOTSTRAP.resamples);
  for (let draw = 0; draw < ratios.length; draw += 1) {
    for (let i = 0; i < count; i += 1) resample[i] = values[Math.floor(random() * count)] as number;
    ratios[draw] = studentized(resample, mean);
  }
  const [low, high] = middle(ratios);
  const error = Math.sqrt(variance / count);
  const interval: Interval = [mean - high * error, mean - low * error];
  return interval.every(Number.isFinite) ? interval : null;
}

/** The distance of the mean from `center` in standard errors; infinite if all values are the same. */
function studentized(values: Float64Array, center: number): number {
  const { length } = values;
  const first = values[0] as number;
  let sum = 0;
  let differ = false;
  for (let i = 0; i < length; i += 1) {
    sum += values[i] as number;
    differ ||= values[i] !== first;
  }
  // Rounding would give equal values a spread.
  if (!differ) return first < center ? -Infinity : Infinity;
  const mean = sum / length;
  let squares = 0;
  for (let i = 0; i < length; i += 1) squares += ((values[i] as number) - mean) ** 2;
  return (mean - center) / Math.sqrt(squares / (length * (length - 1)));
}
