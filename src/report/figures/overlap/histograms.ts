import { RANK_BIN, type RankReading, type TraceOverlapResult } from '../../../experiments/results.js';
import { fixed, plural } from '../../format.js';
import { type GroupLabel, type Groups, starNote } from '../../groupLabels.js';
import { layer, quantitative, TOP_LEGEND } from '../../vega/axes.js';
import type { ChartSpec } from '../../vega/render.js';
import { fit } from '../../vega/textWidth.js';
import { INK, MAJORITY_RAMP, MINORITY_RAMP } from '../../vega/theme.js';
import { AMONG, BINS, type Direction, directions, histogram } from './ranks.js';

const WIDTH = 400;
/** Pixels of a panel, and of a bar's number above it. */
const HEIGHT = 80;
const NUMBER = 18;
/** Pixels of the panels' titles. */
const FONT = 13;

/** Histograms of percentile ranks (article, Fig. 3): a column a direction, a row a group. All panels share their scales. */
export function rankHistograms(trace: TraceOverlapResult, reading: RankReading, groups: Groups): ChartSpec {
  const columns = directions(trace).filter((column) => column.reading === reading);
  const most = Math.max(1, ...columns.flatMap(({ entries }) => entries.flatMap((entry) => histogram(entry))));
  const what = reading === 'weights' ? 'weights' : 'neurons';
  const rows = groups.filter(({ index }) => trace.entries.some(({ group }) => group === index));
  return {
    label:
      `Histograms of percentile ranks among ${AMONG[reading]}, in bins of ${RANK_BIN} percent, for each group: ` +
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
          `top ${percentOf(trace.fraction)} of ${trace.numNeurons} neurons: ${trace.count}; ranked among ${AMONG[reading]}; bins of ${RANK_BIN} %`,
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
        vconcat: rows.map((group, at) =>
          panel(column, group, { most, what, lowest: rows.length - 1 === at }),
        ),
      })),
    },
  };
}

/** A share as a percentage without needless digits: 0.0001 -> `0.01 %`. */
export function percentOf(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(6))} %`;
}

/** The panels' common scale and unit, and whether one is the lowest, which names the axis. */
interface PanelOptions {
  readonly most: number;
  readonly what: 'neurons' | 'weights';
  readonly lowest: boolean;
}

/** The histogram of one group, with a line where random neurons would be. */
function panel({ entries, rankedBy }: Direction, group: GroupLabel, { most, what, lowest }: PanelOptions) {
  const entry = entries.find((found) => found.group === group.index);
  const counts = entry ? histogram(entry) : [];
  // In each bin if the ranks were random; of weights it depends on the neurons.
  const share = counts.reduce((sum, count) => sum + count, 0) / BINS;
  const random = `random ${what}: an equal share of each bin${what === 'neurons' ? `, ${fixed(share, share < 0.1 ? 2 : 1)}` : ''}`;
  const top = 1.2 * most;
  const values = counts
    .map((count, bin) => ({
      from: bin * RANK_BIN,
      to: (bin + 1) * RANK_BIN,
      middle: (bin + 0.5) * RANK_BIN,
      count,
      // A number that the line would strike through stands above the line.
      end: count < share && share - count < (NUMBER / HEIGHT) * top ? share : count,
    }))
    .filter(({ count }) => count > 0);
  const y = {
    ...quantitative('count'),
    scale: { domain: [0, top], nice: false },
    axis: { title: what, tickCount: 3, tickMinStep: 1, format: 'd' },
  };
  return {
    title: { text: fit(group.full, FONT, WIDTH), fontSize: FONT, fontWeight: 500 as const, offset: 4 },
    width: WIDTH,
    height: HEIGHT,
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
            ...quantitative('from'),
            bin: { binned: true, step: RANK_BIN },
            scale: { domain: [0, RANK_BIN * BINS], nice: false },
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
        data: { values: [{}] },
        mark: { type: 'rule' as const, strokeWidth: 1.5, strokeDash: [5, 3] },
        encoding: {
          y: { ...y, field: undefined, datum: share },
          stroke: {
            datum: random,
            type: 'nominal' as const,
            scale: { domain: [random], range: [INK] },
            legend: { ...TOP_LEGEND, symbolType: 'stroke', symbolDash: [5, 3] },
          },
        },
      },
      layer(
        'text',
        { dy: -7, fontSize: 11, color: INK },
        { x: quantitative('middle'), y: { ...y, field: 'end' }, text: { field: 'count' } },
      ),
    ],
  };
}
