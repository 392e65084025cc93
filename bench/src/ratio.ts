import { median, quantile } from '#src/metrics/statistics.js';
import type { CaseResult, SideResult } from './result.js';

/**
 * Ratios of measurements taken in turn. A passing slowdown of the machine affects both measurements of a pair, so that their ratio is
 * steadier than times.
 *
 * @param ours seconds for a unit of work, at least one
 * @param rival as many, each measured right after its partner
 */
export function pairedRatio(ours: readonly number[], rival: readonly number[]): CaseResult['ratio'] {
  if (ours.length !== rival.length || ours.length === 0) {
    throw new RangeError(`${ours.length} and ${rival.length} measurements make no pairs`);
  }
  const pairs = ours.map((seconds, i) => (rival[i] as number) / seconds);
  return {
    median: median(pairs),
    quartiles: [quantile(pairs, 0.25), quantile(pairs, 0.75)],
    range: [Math.min(...pairs), Math.max(...pairs)],
    pairs,
  };
}

/** The share of the floor's rate that ours reached in the best repeat of each, where `floor.share` is that of the medians. */
export function bestShareOf(ours: SideResult, floor: SideResult & { readonly share: number }): number {
  const best = (side: SideResult): number => Math.min(...side.seconds) / side.median;
  return (floor.share * best(floor)) / best(ours);
}
