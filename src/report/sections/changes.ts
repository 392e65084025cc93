import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { TrainingResult } from '../../train/metrics.js';
import type { Figures } from '../figures.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { PERTURBATIONS } from '../../neurons/perturb.js';
import { PERTURBED } from '../perturbation.js';
import { largestOwnChange, type CriterionTrace } from '../selections.js';
import { chartFigure, groupName, sameBaseline, smallestGroup, spreadText } from './parts.js';

/**
 * What perturbing the chosen neurons did to the groups' accuracies, a section for each perturbation: zeroing (article,
 * Fig. 2), random initialization (Figs 4 and 11), random noise (Figs 5 and 12).
 */
export function changeSections(
  report: RunReport,
  groups: readonly GroupLabel[],
  { fig2 }: Figures,
): Section[] {
  return PERTURBATIONS.flatMap((perturbation) => {
    const drawn = fig2.filter(({ view }) => view.trace.perturbation === perturbation);
    const traces = [...new Set(drawn.map(({ view }) => view.trace))];
    if (traces.length === 0) return [];
    const { heading, reference, references } = PERTURBED[perturbation];
    const sigmas = new Set(drawn.map(({ view }) => view.sigma)).size;
    const title = `${heading} (${sigmas > 1 ? references : reference})`;
    const body = traces.map((trace) => {
      const ofTrace = drawn.filter(({ view }) => view.trace === trace);
      return html`${traces.length > 1 ? html`<h3>Measured on the ${SPLIT_NAME[trace.split]} split</h3> ` : undefined}
        ${method(trace, report.erm)}
        <div class="charts">
          ${ofTrace.map(
            ({ view, chart }) =>
              html`<div style="width:${Math.ceil(chart.width)}px">
                ${chartFigure(chart)}
                <p class="note">${findings(view, groups)}</p>
              </div> `,
          )}
        </div>
        <p class="note">${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])}</p> `;
    });
    return [
      {
        id: perturbation === 'zero' ? 'changes' : `changes-${perturbation}`,
        title,
        body: html`${body}
          <p class="note">
            All charts of this section share their scales; those of other sections have their own.
          </p> `,
      },
    ];
  });
}

function method(trace: TraceUnstructuredResult, erm: TrainingResult | undefined): Markup {
  const { split, perturbation, gradientSource: source } = trace;
  const measured =
    split === 'train'
      ? 'All accuracies here are training accuracies, as in Part I of the article.'
      : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
  return html`<p>
      ${measured} Of ${trace.numNeurons} neurons in the whole model, the k with the highest score
      ${PERTURBED[perturbation].method}, and every group is evaluated again. A gradient is taken on at most
      ${plural(source.drawn, 'sample')}, drawn (seed ${source.seed}) from the at most ${source.worst} worst
      predicted training samples of the group that the neurons are chosen for; magnitudes depend on no
      samples. ${seedsNote(trace)}
    </p>
    <p class="note">
      Traced weights: sha256 <code>${trace.checkpoint.slice(0, 12)}</code>. ${sameBaseline(trace, erm)}
    </p> `;
}

/** Over what a perturbation that draws numbers was averaged. */
function seedsNote({ perturbation, seeds }: TraceUnstructuredResult): string {
  if (perturbation === 'zero') return '';
  const [only] = seeds;
  if (seeds.length === 1) return `The numbers were drawn with one seed, ${only}: no spread is known.`;
  return (
    `Every change is the mean over ${plural(seeds.length, 'seed')} of the draws (${seeds.join(', ')}); a bar is the size ` +
    'of that mean, its whisker one standard deviation (n − 1) on both sides, cut at zero. The seeds vary the draws ' +
    'alone: model and neurons stay the same.'
  );
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
    const net = Math.abs(largest.change) * total;
    const isMean = view.trace.perturbation !== 'zero' && view.trace.seeds.length > 1;
    return [
      html`Largest change of a ${minority ? 'minority' : 'majority'} group under its own neurons:
      ${spreadText(largest.change, largest.std)} points for ${groupName(group)} at k = ${largest.k}, a net
      ${isMean ? `${fixed(net, 1)} (mean)` : fixed(net, 0)} of ${plural(total, 'sample')}. `,
    ];
  });
}
