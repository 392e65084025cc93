import type { TraceOverlapResult } from '../../experiments/results.js';
import { percentOf } from '../charts/rankHistograms.js';
import { plural } from '../format.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { rankTable, shareText } from '../tables/ranks.js';
import { ARTICLE_RIGHTMOST, atLeast, BIN, directions, RIGHTMOST, type Direction } from '../views/overlap.js';
import { sourceText, unitsText } from './method.js';
import { chartFigure } from './parts.js';

/** How criteria agree on the top neurons (article, Fig. 3). */
export const overlapSection: MakeSection = ({ overlap }, groups, charts) => {
  if (!overlap || overlap.entries.length === 0) return undefined;
  const columns = directions(overlap);
  return {
    id: 'overlap',
    title: 'Overlap of the criteria (Fig. 3)',
    body: html`${method(overlap)} ${chartFigure(charts.get('fig3'))}
      <p class="note">${columns.map((column) => shares(column))}</p>
      <p class="note">
        Under no relation at all, a share of ${2 * BIN} % would fall into the two rightmost bins, which are
        ${RIGHTMOST} to 100 %. The text of the article gives 95 to 100 % for its two.
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
    each under another criterion: the share of all neurons whose score is not above its own, so that 100 is
    the highest.
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
function shares({ chosenBy, rankedBy, entries }: Direction): string {
  const neurons = entries.flatMap((entry) => entry.neurons);
  const share = (percentile: number): string => shareText(atLeast(neurons, percentile), neurons.length);
  return (
    `Neurons with the largest ${chosenBy}, ranked by ${rankedBy}, all groups together: ${share(RIGHTMOST)} are in the ` +
    `two rightmost bins, ${share(ARTICLE_RIGHTMOST)} at ${ARTICLE_RIGHTMOST} % or above. `
  );
}
