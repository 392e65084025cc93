import jstat from 'jstat';
import type { Interval } from './schemas.js';
import type { Moments } from './statistics.js';

export type { Interval } from './schemas.js';

const { normal, studentt } = jstat.jStat;

export const LEVEL = 0.95;

/** The normal distribution's 97.5th percentile. */
const Z = normal.inv((1 + LEVEL) / 2, 0, 1);

/**
 * Score interval of the accuracy correct / total (Wilson, JASA 22, 1927), also of means of counts; [NaN, NaN] without examples.
 * It has a width even if all examples are right, or none. Coverage (docs/reliability.md): 95.0 to 95.7 %, averaged over shares from
 * 0.475 to 0.975 of 56, 184 and 1000 examples; the exact interval of Clopper and Pearson covers up to 98.1 %.
 */
export function accuracyInterval(correct: number, total: number): Interval {
  const share = correct / total;
  const weight = Z ** 2 / total;
  const middle = (share + weight / 2) / (1 + weight);
  const reach = Math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight);
  // Rounding must not exclude the share itself.
  return [Math.max(0, Math.min(share, middle - reach)), Math.min(1, Math.max(share, middle + reach))];
}

/** Examples on which two models are compared. */
interface PairedCounts {
  readonly total: number;
  /** Right before, wrong after. */
  readonly lost: number;
  /** Wrong before, right after. */
  readonly gained: number;
}

/**
 * Score interval of the change of accuracy (gained - lost) / total on the same examples (Tango, Statistics in Medicine 17,
 * 1998), also of means of counts; [NaN, NaN] without examples. It has a width even if no example changed: +-6.4 points for 0 of 56.
 * Coverage (docs/reliability.md): 94.9 to 96.7 % if about four examples or more are expected to change, higher for fewer.
 */
export function changeInterval(counts: PairedCounts): Interval {
  const { total, lost, gained } = counts;
  if (!(total > 0)) return [Number.NaN, Number.NaN];
  const change = (gained - lost) / total;
  // The score falls from -1 to 1, and is 0 at the observed change.
  return [
    change - bisect(change + 1, (below) => score(counts, change - below) <= Z),
    change + bisect(1 - change, (above) => score(counts, change + above) >= -Z),
  ];
}

/** Returns Tango's score, with his restricted maximum likelihood estimate of the lost share. */
function score({ total, lost, gained }: PairedCounts, change: number): number {
  const b = (2 * total - gained + lost) * change - gained - lost;
  const c = -lost * change * (1 - change);
  const lostShare = (Math.sqrt(b ** 2 - 8 * total * c) - b) / (4 * total);
  const variance = total * (2 * lostShare + change * (1 - change));
  const distance = gained - lost - total * change;
  if (Math.abs(distance) < 1e-12) return 0;
  return distance / Math.sqrt(Math.max(0, variance));
}

/** Returns the largest distance from 0 to `max` for which `holds` is true; it is false beyond. */
function bisect(max: number, holds: (distance: number) => boolean): number {
  let [low, high] = [0, max];
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Student's t interval of a mean over examples or seeds; [NaN, NaN] for fewer than two. */
export function meanInterval({ count, mean, variance }: Moments): Interval {
  if (count < 2) return [Number.NaN, Number.NaN];
  const reach = studentt.inv((1 + LEVEL) / 2, count - 1) * Math.sqrt(variance / count);
  return [mean - reach, mean + reach];
}

/** A number with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

export function accuracyEstimate(correct: number, total: number): Estimate {
  return { value: correct / total, interval: accuracyInterval(correct, total) };
}

/** The accuracy over all examples of some groups; default: of all. */
export function pooledEstimate(
  { correct, total }: Readonly<Record<'correct' | 'total', readonly number[]>>,
  groups: readonly number[] = [...total.keys()],
): Estimate {
  const sum = (counts: readonly number[]): number =>
    groups.reduce((all, group) => all + (counts[group] ?? 0), 0);
  return accuracyEstimate(sum(correct), sum(total));
}

/**
 * The difference of two estimates from different examples, with Zou and Donner's interval (Statistics in Medicine 27, 2008). For two
 * accuracies this is Newcombe's hybrid score interval (Statistics in Medicine 17, 1998).
 */
export function differenceOf(a: Estimate, b: Estimate): Estimate {
  const value = a.value - b.value;
  const below = Math.hypot(a.value - a.interval[0], b.interval[1] - b.value);
  const above = Math.hypot(a.interval[1] - a.value, b.value - b.interval[0]);
  return { value, interval: [value - below, value + above] };
}

/** The mean of estimates from different examples, with Zou and Donner's interval. */
export function meanOf(estimates: readonly Estimate[]): Estimate {
  const { length } = estimates;
  const value = estimates.reduce((sum, one) => sum + one.value, 0) / length;
  const reach = (end: 0 | 1): number =>
    Math.hypot(...estimates.map((one) => one.interval[end] - one.value)) / length;
  return { value, interval: [value - reach(0), value + reach(1)] };
}
