import type { MinimalSummary, TraceMinimalResult } from '../../experiments/traceMinimalResult.js';
import { fixed, MISSING, percent, points, probability } from '../format.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { groupCell, type Cell, type Table } from './table.js';

/** How many neurons an example of each group needs. */
export function minimalTable(trace: TraceMinimalResult, groups: readonly GroupLabel[]): Table {
  const { mostNeurons, referenceSize, comparison } = trace;
  const unit = trace.unit === 'weight' ? 'weights' : 'neurons';
  return {
    caption: `Zeroed ${unit} after which a training example that was predicted right is predicted wrong; one that was not after ${mostNeurons} counts as ${mostNeurons}.`,
    columns: [
      { name: 'Group' },
      { name: 'examples' },
      { name: 'flipped', explanation: 'Flipped: share of the examples in percent.' },
      { name: 'median' },
      { name: 'mean' },
      { name: '95 % interval', explanation: 'Interval: of the mean over the examples, by Student’s t.' },
      {
        name: 'others',
        explanation: `Others: mean change of the accuracy on ${referenceSize} reference examples in points.`,
      },
    ],
    rows: trace.groups.flatMap((summary, index) => {
      const group = groups[index];
      return group ? [[groupCell(group), ...summaryCells(summary)]] : [];
    }),
    ...(comparison
      ? {
          footer: [
            ['minority', ...summaryCells(comparison.minority)],
            ['majority', ...summaryCells(comparison.majority)],
          ],
        }
      : {}),
    notes: [comparisonText(trace), ...starNote(groups)].filter((note) => note !== ''),
  };
}

/** The comparison in one sentence; empty where there is none. */
export function comparisonText({ comparison }: TraceMinimalResult): string {
  if (!comparison) return '';
  const { minority, majority, difference, u, pValue, probabilityFewer } = comparison;
  return (
    `Minority against majority: median ${number(minority.median)} against ${number(majority.median)}, difference ${fixed(difference, 1)}; ` +
    `Mann-Whitney U = ${u}, p = ${probability(pValue)} over the examples of this one model. ` +
    `A minority example needs fewer with probability ${fixed(probabilityFewer, 2)}, a tie counting a half.`
  );
}

function summaryCells(summary: MinimalSummary): Cell[] {
  const { examples, flipped, median, mean, interval, referenceChange } = summary;
  return [
    String(examples),
    percent(flipped ?? Number.NaN),
    number(median),
    number(mean),
    interval ? `[${interval.map((end) => fixed(end, 1)).join(', ')}]` : MISSING,
    points(referenceChange ?? Number.NaN),
  ];
}

function number(value: number | null): string {
  return fixed(value ?? Number.NaN, 1);
}
