import type { TraceOverlapResult } from '../../experiments/results.js';
import { percentOf } from '../charts/fig3.js';
import type { Figures } from '../figures.js';
import { fixed, plural } from '../format.js';
import type { GroupLabel } from '../groups.js';
import { html, type Markup } from '../markup.js';
import { atLeast, BIN, directions, type Direction } from '../overlap.js';
import type { RunReport } from '../reportData.js';
import { table } from '../table.js';
import { plain } from '../text.js';
import { sourceText, unitsText } from './method.js';
import { chartFigure, groupName } from './parts.js';
import type { Section } from './section.js';

/** Where the two rightmost bins begin. */
const RIGHTMOST = 100 - 2 * BIN;
/** The range that the article's text gives for its two rightmost bins begins here. */
const ARTICLE = 95;
/** Neurons of a group that the table names; a large share of a large model has thousands. */
const NAMED = 5;

/** How the two criteria agree on the top neurons (article, Fig. 3). */
export function overlapSection(
  { overlap }: RunReport,
  groups: readonly GroupLabel[],
  { fig3 }: Figures,
): Section | undefined {
  if (!overlap || !fig3) return undefined;
  const columns = directions(overlap);
  return {
    id: 'overlap',
    title: 'Overlap of the criteria (Fig. 3)',
    body: html`${method(overlap)} ${chartFigure(fig3)}
      <p class="note">${columns.map((column) => shares(column))}</p>
      <p class="note">
        Under no relation at all, a share of ${2 * BIN} % would fall into the two rightmost bins, which are
        ${RIGHTMOST} to 100 %. The text of the article gives 95 to 100 % for its two. Magnitudes depend on no
        samples: every group has the same neurons there, ranked by its own gradient.
      </p>
      <p class="note">Traced weights: sha256 <code>${overlap.checkpoint.slice(0, 12)}</code>.</p>
      ${columns.map((column) => ranks(column, groups))}`,
  };
}

function method(overlap: TraceOverlapResult): Markup {
  const { fraction, count } = overlap;
  return html`<p>
    For each group, the top ${percentOf(fraction)} of ${unitsText(overlap)} by one criterion,
    ${plural(count, overlap.unit === 'weight' ? 'weight' : 'neuron')} (rounded up), and the percentile rank of
    each under the other criterion: the share of all neurons whose score is not above its own, so that 100 is
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
    `two rightmost bins, ${share(ARTICLE)} at ${ARTICLE} % or above. `
  );
}

function shareText(part: number, whole: number): string {
  return `${part} of ${whole} (${fixed((100 * part) / whole, 1)} %)`;
}

/** The numbers behind one column of the figure. */
function ranks({ chosenBy, rankedBy, entries }: Direction, groups: readonly GroupLabel[]): Markup {
  return table(
    `Largest ${chosenBy}, ranked by ${rankedBy}: neurons in the two rightmost bins, the lowest and the middle rank, and up to ${NAMED} neurons with their ranks in percent`,
    [
      { name: 'Group' },
      { name: `${RIGHTMOST} % or above` },
      { name: `${ARTICLE} % or above` },
      { name: 'lowest' },
      { name: 'median' },
      { name: 'highest-scoring neurons, rank', text: true },
    ],
    entries.flatMap(({ group, neurons }) => {
      const label = groups[group];
      if (!label) return [];
      const sorted = neurons.map(({ percentile }) => percentile).sort((a, b) => a - b);
      return [
        {
          heading: groupName(label),
          cells: [
            shareText(atLeast(neurons, RIGHTMOST), neurons.length),
            shareText(atLeast(neurons, ARTICLE), neurons.length),
            fixed(sorted[0] ?? Number.NaN, 2),
            fixed(median(sorted), 2),
            html`<ul class="neurons">
              ${neurons
                .slice(0, NAMED)
                .map(
                  ({ layer, index, percentile }) =>
                    html`<li>
                      <code>${plain(layer)}[${index}]</code><small>${fixed(percentile, 2)}</small>
                    </li>`,
                )}
            </ul>`,
          ],
        },
      ];
    }),
  );
}

/** The middle of ascending values, the mean of the middle two where their number is even. */
function median(sorted: readonly number[]): number {
  const at = (index: number): number => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
}
