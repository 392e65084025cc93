import type { TraceOverlapResult } from '../../experiments/results.js';
import { fixed } from '../format.js';
import { plain } from '../text.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { AMONG, readingOf, RIGHTMOST, rightmost, type Direction } from '../views/overlap.js';
import { groupCell, type Table } from './table.js';

/** Neurons of a group that the table names; a large share of a large model has thousands. */
const NAMED = 5;

/** Where one criterion's top neurons stand under the other, a row a group: the numbers of a column of the article's Fig. 3. */
export function rankTable(
  { reading, chosenBy, rankedBy, entries }: Direction,
  groups: readonly GroupLabel[],
): Table {
  return {
    caption: `Largest ${chosenBy}, ranked by ${rankedBy} among ${AMONG[reading]}: ${reading === 'weights' ? 'weights' : 'neurons'} in the two rightmost bins, the lowest and the middle rank, and up to ${NAMED} neurons with their ${reading === 'weights' ? 'median ranks' : 'ranks'} in percent`,
    columns: [
      { name: 'Group' },
      { name: `${RIGHTMOST} % or above` },
      { name: 'lowest' },
      { name: 'median' },
      { name: 'highest-scoring neurons, rank', text: true },
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
          fixed(sorted[0] ?? Number.NaN, 2),
          fixed(median(sorted), 2),
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
export function rankList(overlap: TraceOverlapResult, groups: readonly GroupLabel[]): Table {
  const { entries, count, numNeurons, fraction } = overlap;
  return {
    caption: `Percentile ranks of one criterion’s top neurons under the other: ${count} of ${numNeurons} neurons (a share of ${fraction})`,
    columns: [
      { name: 'Group' },
      { name: 'chosen by', text: true },
      { name: 'ranked by', text: true },
      { name: 'among', text: true },
      { name: 'neuron', text: true },
      { name: 'percentile' },
    ],
    rows: entries.flatMap((entry) =>
      entry.neurons.map(({ layer, index, percentile }) => {
        const { group, chosenBy, rankedBy } = entry;
        const label = groups[group];
        return [
          label ? groupCell(label) : '',
          chosenBy,
          rankedBy,
          AMONG[readingOf(entry)],
          { kind: 'code', text: `${plain(layer)}[${index}]` } as const,
          fixed(percentile, 2),
        ];
      }),
    ),
  };
}

/** `3 of 5 (60.0 %)`. */
export function shareText({ part, whole }: { readonly part: number; readonly whole: number }): string {
  return `${part} of ${whole} (${fixed((100 * part) / whole, 1)} %)`;
}

/** The middle of ascending values, the mean of the middle two where their number is even. */
function median(sorted: readonly number[]): number {
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
}
