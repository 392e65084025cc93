import { RANK_BIN, type TraceOverlapResult } from '../../experiments/results.js';
import { overlap } from '../../experiments/traces.js';
import { fixed } from '../../kit/columns.js';
import { distinct, groupedBy, numbers, type Row } from '../../kit/rows.js';
import { list, pivot, type Table } from '../../kit/table.js';
import { accuracyEstimate } from '../../metrics/intervals.js';
import { mean, median } from '../../metrics/statistics.js';
import { histogram } from '../chart.js';
import { resultOf } from '../figure.js';
import { range, sideOf } from '../format.js';
import { groupNameIn, type Groups } from '../groupLabels.js';
import { folded, html, htmlTable } from '../html/html.js';
import { unitsText } from '../measured.js';
import { rankRows } from '../rows.js';
import { rowsFigure } from '../rowsFigure.js';

/** The readings of a rank, after "ranked among". */
const AMONG: Readonly<Record<string, string>> = {
  model: 'all neurons of the model',
  layer: 'the neurons of the same layer',
  weights: 'all single weights of the model (medians)',
};
/** Where the two rightmost bins begin, as in the article, and their share under no relation. */
const RIGHTMOST = 100 - 2 * RANK_BIN;
const BY_CHANCE = 1 - RIGHTMOST / 100;

const DIRECTION = ['among', 'chosenBy', 'rankedBy'] as const;

/** How criteria agree on the top neurons (article, Fig. 3). */
export const fig3 = rowsFigure({
  name: 'fig3',
  title: 'Ranks of one criterion\u2019s top neurons under the other',
  needs: { others: [overlap] },
  rows: (source) => {
    const trace = resultOf(source, overlap);
    return trace ? rankRows(trace, source.dataset.groupNames) : [];
  },
  parts: (rows, groups) => ({
    verdict: groupedBy(
      rows.filter(({ among }) => among !== 'weights'),
      DIRECTION,
    ).map(directionVerdict),
    charts: distinct(rows, 'among').flatMap((among) =>
      histogram(
        rows
          .filter((row) => row.among === among)
          .map((row) => ({ ...row, series: `${String(row.chosenBy)}, ranked by ${String(row.rankedBy)}` })),
        {
          name: among === 'model' ? 'fig3' : `fig3-${String(among)}`,
          title: `Largest scores of one criterion, ranked among ${AMONG[String(among)]}`,
          groups,
          facet: ['series'],
          x: 'percentile',
          step: RANK_BIN,
          domain: [0, 100],
        },
      ),
    ),
    tables: rankTables(rows, groups),
  }),
  more: (source, groups) => {
    const trace = resultOf(source, overlap);
    return trace
      ? html`<p class="note">
            The article’s words allow three readings: ranks among all neurons, among those of the same layer,
            and, as the published code logs them, of the chosen neurons’ single weights among all single
            weights. A rank of 100 is the highest.
          </p>
          ${folded('Single weights of the chosen neurons', htmlTable(weightTable(trace, groups)))}`
      : html``;
  },
});

/** For each direction and group: how many of the chosen neurons rank highest, their median rank, and which they are. */
function rankTables(rows: readonly Row[], groups: Groups): Table[] {
  const groupName = groupNameIn(groups);
  const summary = groupedBy(rows, [...DIRECTION, 'group']).map((own): Row => {
    const ranks = numbers(own, 'percentile');
    return {
      ...own[0],
      n: own.length,
      top5: mean(ranks.map((rank) => Number(rank >= RIGHTMOST))),
      percentile: median(ranks),
    };
  });
  return [
    ...list(summary, [...DIRECTION, 'group', 'n', 'top5', 'percentile'], {
      caption: `Share of the ${distinct(summary, 'n').join(', ')} top neurons at ${RIGHTMOST} % or above, and their median rank`,
      groupName,
    }),
    ...pivot(
      rows,
      { down: ['among', 'chosenBy', 'rankedBy', 'neuron'], across: ['group'], cell: 'percentile' },
      { caption: 'Percentile ranks', groupName, decimals: { percentile: 2 } },
    ),
  ];
}

/** The published code's reading: how many single weights of the chosen neurons are in the two rightmost bins. */
function weightTable({ entries, numNeurons, unit }: TraceOverlapResult, groups: Groups): Table {
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  return {
    caption: `Of ${unitsText({ numNeurons, unit })}, single weights of the chosen neurons at ${RIGHTMOST} % or above`,
    columns: [
      { name: 'group', text: true },
      { name: 'chosen by', text: true },
      { name: 'ranked by', text: true },
      { name: 'weights' },
      { name: 'of all, %' },
    ],
    rows: entries.flatMap(({ counts, group, chosenBy, rankedBy }) =>
      counts
        ? [
            [
              groups[group]?.short ?? '',
              chosenBy,
              rankedBy,
              `${sum(counts.slice(-2))} of ${sum(counts)}`,
              fixed((100 * sum(counts.slice(-2))) / sum(counts), 1),
            ],
          ]
        : [],
    ),
  };
}

/** Whether one criterion's top neurons rank high under the other. */
function directionVerdict(rows: readonly Row[]): string {
  const [{ among, chosenBy, rankedBy } = {}] = rows;
  const high = mean(numbers(rows, 'percentile').map((rank) => Number(rank >= RIGHTMOST)));
  // Groups may share neurons.
  const count = distinct(rows, 'neuron').length;
  const { value, interval } = accuracyEstimate(count * high, count);
  const than = { above: 'more than', below: 'fewer than', both: 'not shown to differ from' };
  const side = sideOf({ interval: [interval[0] - BY_CHANCE, interval[1] - BY_CHANCE] });
  return (
    `Of the neurons with the largest ${String(chosenBy)}, ${fixed(100 * value, 1)} % rank among the highest ${fixed(100 * BY_CHANCE, 0)} % ` +
    `of ${among === 'layer' ? 'their layer' : 'the model'} by ${String(rankedBy)} (${range(interval)} over ${count} distinct neurons): ` +
    `${than[side]} the ${fixed(100 * BY_CHANCE, 0)} % of no relation.`
  );
}
