import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { TrainingResult } from '../../train/metrics.js';
import type { Figures } from '../figures.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import type { GroupLabel } from '../groups.js';
import type { Section } from './section.js';
import { html, type Markup } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { PERTURBATION_NAMES } from '../../neurons/perturbations.js';
import { ARTICLE_SIGMA, PERTURBED } from '../perturbation.js';
import { changeOfGroup } from '../measuredChange.js';
import { byCriterion, hasManyKs, largestOwnChange, type CriterionTrace } from '../selections.js';
import { controlsText, sourceText, unitsText, type NamedChanges } from './method.js';
import { chartFigure, groupName, randomText, sameBaseline, smallestGroup, spreadText } from './parts.js';

/**
 * What perturbing the chosen neurons did to the groups' accuracies, a section for each perturbation: zeroing (article,
 * Fig. 2), random initialization (Figs 4 and 11), random noise (Figs 5 and 12).
 */
export function changeSections(
  report: RunReport,
  groups: readonly GroupLabel[],
  { fig2, fig11 }: Figures,
): Section[] {
  return PERTURBATION_NAMES.flatMap((perturbation) => {
    const drawn = fig2.filter(({ view }) => view.trace.perturbation === perturbation);
    const traces = [...new Set(drawn.map(({ view }) => view.trace))];
    if (traces.length === 0) return [];
    const { heading, reference, references } = PERTURBED[perturbation];
    const grids = fig11.filter(({ grid }) => grid.trace.perturbation === perturbation);
    const title = `${heading} (${grids.length > 0 ? references : reference})`;
    const body = traces.map((trace, at) => {
      const shown = drawn.filter(({ view }) => view.trace === trace && view.sigma === shownSigma(trace));
      const ofTrace = grids.filter(({ grid }) => grid.trace === trace);
      return html`${traces.length > 1 ? html`<h3>Measured on the ${SPLIT_NAME[trace.split]} split</h3> ` : undefined}
        ${at === 0 ? method(trace, report.result) : methodAgain(trace, report.result)}
        <div class="charts">
          ${shown.map(
            ({ view, chart }) =>
              html`<div style="width:${Math.ceil(chart.width)}px">
                ${chartFigure(chart)}
                <p class="note">${findings(view, groups)}</p>
              </div> `,
          )}
        </div>
        ${ofTrace.map(({ chart }) => chartFigure(chart))}
        <p class="note">
          ${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])}
          ${
            shown.some(({ view }) => hasManyKs(view))
              ? 'These charts keep to the article’s numbers of neurons; the tables hold all that were tried.'
              : undefined
          }
        </p> `;
    });
    return [
      {
        id: perturbation === 'zero' ? 'changes' : `changes-${perturbation}`,
        title,
        body: html`${body}
          <p class="note">
            ${
              grids.length > 0
                ? 'Charts of this section that show the same standard deviations share their scales.'
                : 'All charts of this section share their scales; those of other sections have their own.'
            }
          </p> `,
      },
    ];
  });
}

/** Of several standard deviations, the one that is drawn large: the article's, or the smallest. */
function shownSigma({ entries }: TraceUnstructuredResult): number | null {
  const sigmas = [...new Set(entries.map(({ sigma }) => sigma))].sort((a, b) => (a ?? 0) - (b ?? 0));
  return sigmas.find((sigma) => sigma === ARTICLE_SIGMA) ?? sigmas[0] ?? null;
}

function measuredOn({ split }: TraceUnstructuredResult): string {
  return split === 'train'
    ? 'All accuracies here are training accuracies, as in Part I of the article.'
    : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
}

/** Of a further trace in a section, what differs from the one before it. */
function methodAgain(trace: TraceUnstructuredResult, result: TrainingResult | undefined): Markup {
  const { controls, checkpoint } = trace;
  return html`<p>The same perturbation on another split. ${measuredOn(trace)} ${seedsNote(trace)}</p>
    <p class="note">
      ${controlsText(controls, comparedChanges(trace), false)} Traced weights: sha256
      <code>${checkpoint.slice(0, 12)}</code>. ${sameBaseline(trace, result)}
    </p> `;
}

function method(trace: TraceUnstructuredResult, result: TrainingResult | undefined): Markup {
  const { perturbation } = trace;
  return html`<p>
      ${measuredOn(trace)} Of ${unitsText(trace)} in the whole model, the k with the highest score
      ${PERTURBED[perturbation].method}, and every group is evaluated again.
      ${sourceText(trace, 'the group that the neurons are chosen for')} ${seedsNote(trace)}
    </p>
    <p class="note">${controlsText(trace.controls, comparedChanges(trace))}</p>
    <p class="note">
      Traced weights: sha256 <code>${trace.checkpoint.slice(0, 12)}</code>. ${sameBaseline(trace, result)}
    </p> `;
}

/** The changes of a trace: of the groups that neurons were chosen for (bars), and of every group (cells). */
function comparedChanges(trace: TraceUnstructuredResult): NamedChanges[] {
  const views = byCriterion([trace]);
  return [
    {
      name: 'changes of a group under its own neurons',
      changes: views.flatMap(({ entries }) => entries.map((entry) => changeOfGroup(entry, entry.group))),
    },
    {
      name: 'changes of any group',
      changes: views.flatMap(({ selections }) =>
        selections.flatMap(({ entry }) => entry.change.map((_, group) => changeOfGroup(entry, group))),
      ),
    },
  ];
}

/** Over what a perturbation that draws numbers was averaged. */
function seedsNote({ perturbation, seeds, repeats = {} }: TraceUnstructuredResult): string {
  if (perturbation === 'zero') return '';
  const [only] = seeds;
  if (seeds.length === 1) return `The numbers were drawn with one seed, ${only}: no spread is known.`;
  const fewer = Object.entries(repeats).filter(([, count]) => count < seeds.length);
  return (
    `Every change is the mean over ${plural(seeds.length, 'seed')} of the draws (${seeds.join(', ')}` +
    `${fewer.map(([criterion, count]) => `; ${criterion}: the first ${count}`).join('')}), with one standard deviation ` +
    '(n − 1) after ± in text and tables. The seeds vary the draws alone: model and neurons stay the same.'
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
      ${isMean ? `${fixed(net, 1)} (mean)` : fixed(net, 0)} of
      ${plural(total, 'sample')}${randomText(changeOfGroup(largest.entry, largest.group))}. `,
    ];
  });
}
