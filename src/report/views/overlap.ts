import {
  RANK_BIN,
  RANK_READINGS,
  type OverlapEntry,
  type RankReading,
  type TraceOverlapResult,
} from '../../experiments/results.js';
import { CRITERION_NAMES } from '../../neurons/criteria.js';

/** The histograms' bins. */
export const BINS = 100 / RANK_BIN;
/** Where the two rightmost bins begin, as in the article. */
export const RIGHTMOST = 100 - 2 * RANK_BIN;

/** What ranks are among, after "ranked among". */
export const AMONG: Readonly<Record<RankReading, string>> = {
  model: 'all neurons of the model',
  layer: 'the neurons of the same layer',
  weights: 'all single weights of the model',
};

/** The ranks of one criterion's top neurons under the other, for every group: one column of the article's Fig. 3. */
export interface Direction extends Pick<OverlapEntry, 'chosenBy' | 'rankedBy'> {
  readonly reading: RankReading;
  /** By group. */
  readonly entries: readonly OverlapEntry[];
}

/** Splits an overlap by reading and direction: neurons chosen by gradient first, as in the article; empty ones are left out. */
export function directions({ entries }: Pick<TraceOverlapResult, 'entries'>): Direction[] {
  return RANK_READINGS.flatMap((reading) =>
    CRITERION_NAMES.flatMap((chosenBy) =>
      CRITERION_NAMES.map((rankedBy) => ({
        reading,
        chosenBy,
        rankedBy,
        entries: entries
          .filter(
            (entry) =>
              readingOf(entry) === reading && entry.chosenBy === chosenBy && entry.rankedBy === rankedBy,
          )
          .sort((a, b) => a.group - b.group),
      })),
    ),
  ).filter((direction) => direction.entries.length > 0);
}

/** The readings that an overlap has. */
export function readings(overlap: Pick<TraceOverlapResult, 'entries'>): RankReading[] {
  return RANK_READINGS.filter((reading) => overlap.entries.some((entry) => readingOf(entry) === reading));
}

export function readingOf({ reading = 'model' }: OverlapEntry): RankReading {
  return reading;
}

/**
 * How many percentile ranks each bin holds, [BINS]. A bin holds its lower end; the last one holds both, because the
 * highest rank is 100.
 */
export function histogram({ neurons, counts }: Pick<OverlapEntry, 'neurons' | 'counts'>): readonly number[] {
  if (counts) return counts;
  const found = Array.from({ length: BINS }, () => 0);
  for (const { percentile } of neurons) {
    const bin = Math.min(BINS - 1, Math.floor(percentile / RANK_BIN));
    if (bin in found) found[bin] = (found[bin] ?? 0) + 1;
  }
  return found;
}

/** How many ranks lie in the two rightmost bins, and how many there are. */
export function rightmost(entries: readonly OverlapEntry[]): {
  readonly part: number;
  readonly whole: number;
} {
  const counts = entries.flatMap((entry) => [...histogram(entry).entries()]);
  const sum = (from: number): number =>
    counts.reduce((total, [bin, count]) => total + (bin >= from ? count : 0), 0);
  return { part: sum(BINS - 2), whole: sum(0) };
}
