import {
  type OverlapEntry,
  RANK_BIN,
  RANK_READINGS,
  type TraceOverlapResult,
} from '../../../experiments/results.js';
import { median } from '../../../metrics/statistics.js';
import { CRITERION_NAMES } from '../../../neurons/criteria.js';
import { fixed } from '../../format.js';
import type { Groups } from '../../groupLabels.js';
import { groupCell, numbers, type Table, texts } from '../../table.js';
import { plain } from '../../text.js';

export const BINS = 100 / RANK_BIN;
/** Where the two rightmost bins begin, as in the article. */
export const RIGHTMOST = 100 - 2 * RANK_BIN;

/** The readings of a rank, after "ranked among". */
export const AMONG: Readonly<Record<OverlapEntry['reading'], string>> = {
  model: 'all neurons of the model',
  layer: 'the neurons of the same layer',
  weights: 'all single weights of the model',
};

/** The ranks of one criterion's top neurons under the other, for every group: one column of the article's Fig. 3. */
export interface Direction extends Pick<OverlapEntry, 'reading' | 'chosenBy' | 'rankedBy'> {
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
              entry.reading === reading && entry.chosenBy === chosenBy && entry.rankedBy === rankedBy,
          )
          .sort((a, b) => a.group - b.group),
      })),
    ),
  ).filter((direction) => direction.entries.length > 0);
}

/** How many percentile ranks each bin holds, [BINS]. A bin holds its lower end; the last one both, as the highest rank is 100. */
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
export function rightmost(entries: readonly OverlapEntry[]) {
  const sum = (from: number): number =>
    entries.flatMap((entry) => histogram(entry).slice(from)).reduce((total, count) => total + count, 0);
  return { part: sum(BINS - 2), whole: sum(0) };
}

/** Neurons of a group that the table names; a large share of a large model has thousands. */
const NAMED = 5;

/** Where one criterion's top neurons stand under the other, a row a group: the numbers of a column of the article's Fig. 3. */
export function rankTable({ reading, chosenBy, rankedBy, entries }: Direction, groups: Groups): Table {
  const [units, ranks] = reading === 'weights' ? ['weights', 'median ranks'] : ['neurons', 'ranks'];
  return {
    caption: `Largest ${chosenBy}, ranked by ${rankedBy} among ${AMONG[reading]}: ${units} in the two rightmost bins, the lowest and the middle rank, and up to ${NAMED} neurons with their ${ranks} in percent`,
    columns: [
      ...numbers('Group', `${RIGHTMOST} % or above`, 'lowest', 'median'),
      ...texts('highest-scoring neurons, rank'),
    ],
    rows: entries.flatMap((entry) => {
      const { group, neurons } = entry;
      const label = groups[group];
      if (!label) return [];
      const sorted = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
      return [
        [
          groupCell(label),
          shareText(rightmost([entry])),
          fixed(sorted[0], 2),
          fixed(sorted.length === 0 ? undefined : median(sorted), 2),
          {
            kind: 'list',
            items: neurons
              .slice(0, NAMED)
              .map(({ layer, index, percentile }) => [`${plain(layer)}[${index}]`, fixed(percentile, 2)]),
          },
        ],
      ];
    }),
  };
}

/** Every chosen neuron with its rank, for a terminal. */
export function rankList(overlap: TraceOverlapResult, groups: Groups): Table {
  const { entries, count, numNeurons, fraction } = overlap;
  return {
    caption: `Percentile ranks of one criterion’s top neurons under the other: ${count} of ${numNeurons} neurons (a share of ${fraction})`,
    columns: [
      ...numbers('Group'),
      ...texts('chosen by', 'ranked by', 'among', 'neuron'),
      ...numbers('percentile'),
    ],
    rows: entries.flatMap(({ group, chosenBy, rankedBy, reading, neurons }) => {
      const label = groups[group];
      return neurons.map(({ layer, index, percentile }) => [
        label ? groupCell(label) : '',
        chosenBy,
        rankedBy,
        AMONG[reading],
        { kind: 'code', text: `${plain(layer)}[${index}]` } as const,
        fixed(percentile, 2),
      ]);
    }),
  };
}

/** `3 of 5 (60.0 %)`. */
export function shareText({ part, whole }: { readonly part: number; readonly whole: number }): string {
  return `${part} of ${whole} (${fixed((100 * part) / whole, 1)} %)`;
}
