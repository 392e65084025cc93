import type { TraceOverlapResult } from '../../experiments/results.js';
import { plural } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { BIN, BINS, directions, histogram, type Direction } from '../overlap.js';
import { starNote } from './axis.js';
import type { ChartSpec } from './render.js';
import { fit } from './textMetrics.js';
import { INK, MAJORITY_RAMP, MINORITY_RAMP } from './theme.js';

const WIDTH = 400;
/** Pixels of the panels' titles. */
const FONT = 13;

/**
 * Histograms of percentile ranks (article, Fig. 3): left, the magnitude ranks of the neurons with the largest gradient;
 * right, the gradient ranks of the neurons with the largest magnitude. One row for each group, because a gradient is a
 * group's own; all panels share their scales.
 */
export function fig3(trace: TraceOverlapResult, groups: readonly GroupLabel[]): ChartSpec {
  const columns = directions(trace);
  const most = Math.max(
    1,
    ...columns.flatMap(({ entries }) => entries.flatMap(({ neurons }) => histogram(neurons))),
  );
  const rows = groups.filter(({ index }) => trace.entries.some(({ group }) => group === index));
  return {
    label:
      `Histograms of percentile ranks among all ${trace.numNeurons} neurons, in bins of ${BIN} percent, for each group: ` +
      columns
        .map(
          ({ chosenBy, rankedBy }) =>
            `${rankedBy} ranks of the ${plural(trace.count, 'neuron')} with the largest ${chosenBy}`,
        )
        .join('; ') +
      '. The table of ranks holds the numbers.',
    spec: {
      title: {
        text: 'Ranks of one criterion’s top neurons under the other',
        subtitle: [
          `top ${percentOf(trace.fraction)} of ${trace.numNeurons} neurons: ${trace.count}; bins of ${BIN} %`,
          ...starNote(groups),
        ],
      },
      spacing: 28,
      hconcat: columns.map((column) => ({
        title: {
          text: `top by ${column.chosenBy}, ranked by ${column.rankedBy}`,
          fontSize: 14,
          offset: 10,
        },
        spacing: 14,
        vconcat: rows.map((group, at) => panel(column, group, most, rows.length - 1 === at)),
      })),
    },
  };
}

/** A share as a percentage without needless digits: 0.0001 -> `0.01 %`. */
export function percentOf(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(6))} %`;
}

/** The histogram of one group; the lowest panel names the axis. */
function panel({ entries, rankedBy }: Direction, group: GroupLabel, most: number, lowest: boolean) {
  const neurons = entries.filter((entry) => entry.group === group.index).flatMap((entry) => entry.neurons);
  const values = histogram(neurons)
    .map((count, bin) => ({ from: bin * BIN, to: (bin + 1) * BIN, middle: (bin + 0.5) * BIN, count }))
    .filter(({ count }) => count > 0);
  const y = {
    field: 'count',
    type: 'quantitative' as const,
    scale: { domain: [0, 1.2 * most], nice: false },
    axis: { title: 'neurons', tickCount: 3, tickMinStep: 1, format: 'd' },
  };
  return {
    title: { text: fit(group.full, FONT, WIDTH), fontSize: FONT, fontWeight: 500 as const, offset: 4 },
    width: WIDTH,
    height: 74,
    data: { values },
    layer: [
      {
        mark: {
          type: 'bar' as const,
          color: (group.minority ? MINORITY_RAMP : MAJORITY_RAMP)[1],
          binSpacing: 1,
        },
        encoding: {
          x: {
            field: 'from',
            type: 'quantitative' as const,
            bin: { binned: true, step: BIN },
            scale: { domain: [0, BIN * BINS], nice: false },
            axis: {
              title: lowest ? `percentile rank of ${rankedBy}` : null,
              values: [0, 20, 40, 60, 80, 100],
              grid: false,
            },
          },
          x2: { field: 'to' },
          y,
        },
      },
      {
        mark: { type: 'text' as const, dy: -7, fontSize: 11, color: INK },
        encoding: {
          x: { field: 'middle', type: 'quantitative' as const },
          y,
          text: { field: 'count' },
        },
      },
    ],
  };
}
