import type { TraceOverlapResult } from '../../experiments/results.js';
import { percentOf, rankChart } from '../charts/rankHistograms.js';
import { plural } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { rankTable, shareText } from '../tables/ranks.js';
import { AMONG, directions, readings, RIGHTMOST, rightmost, type Direction } from '../views/overlap.js';
import { sourceText, unitsText } from './method.js';
import { overlapVerdict } from '../verdicts/overlap.js';
import { chartFigure, figureData } from './parts.js';

/** How criteria agree on the top neurons (article, Fig. 3). */
export const overlapSection: MakeSection = (report, groups, charts, figures) => {
  const { overlap } = report;
  if (!overlap || overlap.entries.length === 0) return undefined;
  const columns = directions(overlap);
  return {
    id: 'overlap',
    title: 'Overlap of the criteria (Fig. 3)',
    verdict: overlapVerdict(overlap),
    data: figureData(figures, report),
    body: html`${method(overlap)}
      ${readings(overlap).map(
        (reading) =>
          html`<h3>Ranked among ${AMONG[reading]}</h3>
            ${chartFigure(charts.get(rankChart(reading)))}
            <p class="note">
              ${columns.filter((column) => column.reading === reading).map((column) => shares(column))}
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
      <p class="note">Traced weights: sha256 <code>${overlap.checkpoint.slice(0, 12)}</code>.</p>
      ${columns.map((column) => htmlTable(rankTable(column, groups)))}`,
  };
};

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
