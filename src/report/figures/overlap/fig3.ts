import type { TraceOverlapResult } from '../../../experiments/results.js';
import { accuracyEstimate } from '../../../metrics/intervals.js';
import { placeText } from '../../../neurons/neuron.js';
import type { Figure, FigureRow } from '../../figure.js';
import { fixed, plural, range, sideOf } from '../../format.js';
import { chartFigure, html, htmlTable, type Markup } from '../../html/html.js';
import { sourceText, tracedWeights, unitsText } from '../../traces/method.js';
import { percentOf, rankHistograms } from './histograms.js';
import {
  AMONG,
  type Direction,
  directions,
  rankList,
  rankTable,
  RIGHTMOST,
  rightmost,
  shareText,
} from './ranks.js';

/** How criteria agree on the top neurons (article, Fig. 3). */
export const fig3: Figure = {
  name: 'fig3',
  title: 'Ranks of one criterion\u2019s top neurons under the other',
  needs: { results: ['overlap'] },
  show: ({ overlap, dataset }, groups) => {
    if (!overlap) return undefined;
    const columns = directions(overlap);
    const charts = [...new Set(columns.map(({ reading }) => reading))].map((reading) => ({
      reading,
      name: reading === 'model' ? 'fig3' : `fig3-${reading}`,
      ...rankHistograms(overlap, reading, groups),
    }));
    const section = {
      id: 'overlap',
      title: 'Overlap of the criteria (Fig. 3)',
      verdict: overlapVerdict(overlap),
      charts,
      tables: [rankList(overlap, groups)],
      data: { name: 'fig3', rows: rankRows(overlap, dataset.groupNames) },
    };
    if (overlap.entries.length === 0) return section;
    return {
      ...section,
      prose: (drawn) =>
        html`${method(overlap)}
          ${charts.map(
            (chart) =>
              html`<h3>Ranked among ${AMONG[chart.reading]}</h3>
                ${chartFigure(drawn(chart))}
                <p class="note">
                  ${columns.filter(({ reading }) => reading === chart.reading).map(shares)}
                </p>`,
          )}
          <p class="note">
            Under no relation at all, a share of ${100 - RIGHTMOST} % would fall into the two rightmost bins,
            which are ${RIGHTMOST} to 100 %, as the article’s.
            ${
              columns.some(({ chosenBy }) => chosenBy === 'magnitude')
                ? 'Magnitudes depend on no samples: every group has the same neurons there, ranked by scores of its own.'
                : ''
            }
          </p>
          <p class="note">${tracedWeights(overlap.checkpoint)}</p>
          ${columns.map((column) => htmlTable(rankTable(column, groups)))}`,
    };
  },
};

function rankRows({ entries }: TraceOverlapResult, groupNames: readonly string[]): FigureRow[] {
  return entries.flatMap(({ reading, group, chosenBy, rankedBy, neurons }) =>
    neurons.map((neuron) => ({
      among: reading,
      group,
      name: groupNames[group] ?? '',
      chosenBy,
      rankedBy,
      neuron: placeText(neuron),
      score: neuron.score,
      percentile: neuron.percentile,
    })),
  );
}

function method(overlap: TraceOverlapResult): Markup {
  const { fraction, count } = overlap;
  return html`<p>
    For each group, the top ${percentOf(fraction)} of ${unitsText(overlap)} by one criterion,
    ${plural(count, overlap.unit === 'weight' ? 'weight' : 'neuron')} (rounded up), and the percentile rank of
    each under another criterion: the share of what it is ranked among whose score is not above its own, so
    that 100 is the highest. The article’s words allow three readings: ranks among all neurons, among those of
    the same layer, and, as the published code logs them, of the chosen neurons’ single weights among all
    single weights.
    ${
      count === 1
        ? html`<strong>With one neuron, each histogram is a single bar</strong>: it tells where that neuron
            stands, not how ranks are distributed. A larger share shows a distribution.`
        : undefined
    }
    ${sourceText(overlap)}
  </p> `;
}

/** The article's finding in numbers: how many ranks lie in the two rightmost bins. */
function shares({ reading, chosenBy, rankedBy, entries }: Direction): string {
  const what = reading === 'weights' ? 'Single weights of the neurons' : 'Neurons';
  return (
    `${what} with the largest ${chosenBy}, ranked by ${rankedBy}, all groups together: ` +
    `${shareText(rightmost(entries))} are in the two rightmost bins. `
  );
}

/** The share of the two rightmost bins under no relation. */
const BY_CHANCE = 1 - RIGHTMOST / 100;

/** Whether one criterion's top neurons rank high under the other (article, Fig. 3), of the readings whose ranks are neurons'. */
export function overlapVerdict(overlap: TraceOverlapResult): string[] {
  return directions(overlap)
    .filter(({ reading }) => reading !== 'weights')
    .map((direction) => {
      const { part, whole } = rightmost(direction.entries);
      // Groups may share neurons.
      const distinct = new Set(direction.entries.flatMap(({ neurons }) => neurons.map(placeText))).size;
      const { value, interval } = accuracyEstimate((distinct * part) / whole, distinct);
      const among = direction.reading === 'layer' ? 'of their layer' : 'of the model';
      const compared = {
        above: 'more than',
        below: 'fewer than',
        both: 'not shown to differ from',
      }[sideOf({ interval: [interval[0] - BY_CHANCE, interval[1] - BY_CHANCE] })];
      return (
        `Of the neurons with the largest ${direction.chosenBy}, ${fixed(100 * value, 1)} % rank among the highest ${fixed(100 * BY_CHANCE, 0)} % ` +
        `${among} by ${direction.rankedBy} (${range(interval)} over ${distinct} distinct neurons): ${compared} the ${fixed(100 * BY_CHANCE, 0)} % of no relation.`
      );
    });
}
