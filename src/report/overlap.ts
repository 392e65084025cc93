import type { OverlapEntry, TraceOverlapResult } from '../experiments/results.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';

/** Width of the histograms' bins in percent, and their number. */
export const BIN = 5;
export const BINS = 100 / BIN;

/** The ranks of one criterion's top neurons under another, for every group: one column of the article's Fig. 3. */
export interface Direction extends Pick<OverlapEntry, 'chosenBy' | 'rankedBy'> {
  /** By group. */
  readonly entries: readonly OverlapEntry[];
}

/** Splits an overlap by direction: neurons chosen by gradient first, as in the article; empty ones are left out. */
export function directions({ entries }: Pick<TraceOverlapResult, 'entries'>): Direction[] {
  return CRITERION_NAMES.flatMap((chosenBy) =>
    CRITERION_NAMES.map((rankedBy) => ({
      chosenBy,
      rankedBy,
      entries: entries
        .filter((entry) => entry.chosenBy === chosenBy && entry.rankedBy === rankedBy)
        .sort((a, b) => a.group - b.group),
    })),
  ).filter((direction) => direction.entries.length > 0);
}

/**
 * How many percentile ranks each bin holds, [BINS]. A bin holds its lower end; the last one holds both, because the
 * highest rank is 100.
 */
export function histogram(neurons: readonly { readonly percentile: number }[]): number[] {
  const counts = Array.from({ length: BINS }, () => 0);
  for (const { percentile } of neurons) {
    const bin = Math.min(BINS - 1, Math.floor(percentile / BIN));
    if (bin in counts) counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** How many ranks are at least `percentile`. */
export function atLeast(neurons: readonly { readonly percentile: number }[], percentile: number): number {
  return neurons.filter((neuron) => neuron.percentile >= percentile).length;
}
