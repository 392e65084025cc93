import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { ErmResult } from '../../train/metrics.js';
import type { Figures } from '../figures.js';
import { plural, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { largestOwnChange, type CriterionTrace } from '../selections.js';
import { chartFigure, groupName, pointsText, smallestGroup } from './parts.js';

/** What zeroing the chosen neurons did to the groups' accuracies (article, Fig. 2). */
export function changeSection(
  report: RunReport,
  groups: readonly GroupLabel[],
  { fig2 }: Figures,
): Section | undefined {
  const first = fig2[0]?.view.trace;
  if (!first) return undefined;
  const traces = [...new Set(fig2.map(({ view }) => view.trace))];
  return {
    id: 'changes',
    title: 'Zeroed neurons (Fig. 2)',
    body: html`${traces.map((trace) => method(trace, report.erm))}
      <div class="charts">
        ${fig2.map(
          ({ view, chart }) =>
            html`<div style="width:${Math.ceil(chart.width)}px">
              ${chartFigure(chart)}
              <p class="note">${findings(view, groups)}</p>
            </div> `,
        )}
      </div>
      <p class="note">
        ${smallestGroup(first.baseline.total, groups, SPLIT_NAME[first.split])} All charts of this section
        share their scales.
      </p> `,
  };
}

function method(trace: TraceUnstructuredResult, erm: ErmResult | undefined): Markup {
  const { split, gradientSource: source } = trace;
  const measured =
    split === 'train'
      ? 'All accuracies here are training accuracies, as in Part I of the article.'
      : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
  return html`<p>
      ${measured} Of ${trace.numNeurons} neurons in the whole model, the k with the highest score are set to
      zero, and every group is evaluated again. A gradient is taken on at most
      ${plural(source.drawn, 'sample')}, drawn (seed ${source.seed}) from the at most ${source.worst} worst
      predicted ones of the group that the neurons are chosen for; magnitudes depend on no samples.
    </p>
    <p class="note">
      Traced weights: sha256 <code>${trace.checkpoint.slice(0, 12)}</code>. ${sameBaseline(trace, erm)}
    </p> `;
}

/** Says so when the trace started from other accuracies than Fig. 1 shows: the two are then not comparable. */
function sameBaseline({ split, baseline }: TraceUnstructuredResult, erm: ErmResult | undefined): string {
  if (!erm) return '';
  const same = baseline.correct.every((correct, group) => correct === erm[split].correct[group]);
  return same
    ? `The ${SPLIT_NAME[split]} accuracies before zeroing equal those of Fig. 1.`
    : `The ${SPLIT_NAME[split]} accuracies before zeroing differ from those of Fig. 1: another checkpoint may have been traced.`;
}

/** The article's contrast in words: the largest own change among minority and among majority groups. */
function findings(view: CriterionTrace, groups: readonly GroupLabel[]): Markup[] {
  return [true, false].flatMap((minority) => {
    const largest = largestOwnChange(
      view,
      groups.filter((group) => group.minority === minority).map(({ index }) => index),
    );
    const group = largest && groups[largest.group];
    if (!group) return [];
    const total = view.trace.baseline.total[group.index] ?? 0;
    const net = Math.round(Math.abs(largest.change) * total);
    return [
      html`Largest change of a ${minority ? 'minority' : 'majority'} group under its own neurons:
      ${pointsText(largest.change)} points for ${groupName(group)} at k = ${largest.k}, a net ${net} of
      ${plural(total, 'sample')}. `,
    ];
  });
}
