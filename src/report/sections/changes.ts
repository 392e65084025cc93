import type { TraceUnstructuredResult } from '../../experiments/results.js';
import { isDrawn, PERTURBATION_NAMES, type PerturbationName } from '../../neurons/perturbations.js';
import type { TrainingResult } from '../../train/results.js';
import { changeCharts, nullCharts, sigmaCharts } from '../charts/traceCharts.js';
import { NULLS } from '../../neurons/nulls.js';
import { fixed, plural, SPLIT_NAME } from '../format.js';
import { publishedOf } from '../published.js';
import { nullTables } from '../tables/nulls.js';
import { publishedChangeTable } from '../tables/published.js';
import { nullsOf } from '../views/nulls.js';
import type { Chart } from '../charts/render.js';
import type { NamedChart } from '../charts/render.js';
import type { MakeSection } from '../figure.js';
import { html, type Markup } from '../html/markup.js';
import { groupName, htmlTable } from '../html/table.js';
import { traceFigure } from '../figures/traceFigure.js';
import { changesVerdict } from '../verdicts/changes.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { changeOfGroup } from '../views/measuredChange.js';
import { PERTURBED, shownSigma } from '../views/perturbation.js';
import type { RunReport } from '../reportData.js';
import { byCriterion, hasManyKs, largestOwnChange, type CriterionTrace } from '../views/selections.js';
import { lostImages } from './lostImages.js';
import { controlsText, sourceText, unitsText, type NamedChanges } from './method.js';
import { chartFigure, folded, HOW, randomText, sameBaseline, smallestGroup, spreadText } from './parts.js';

/** Whose charts a section shows: those with one standard deviation, and those over several. */
interface ShownFigures {
  readonly figure: string;
  readonly grid?: string;
  /** How its title names them: the first alone, or both. Left out: the article has none. */
  readonly reference?: string;
  readonly references?: string;
}

/** What zeroing the chosen neurons did to the groups' accuracies. */
export const zeroedSection = changesSection('changes', 'zero', { figure: 'fig2', reference: 'Fig. 2' });

/** The same for random initialization. */
export const reinitializedSection = changesSection('changes-reinit', 'reinit', {
  figure: 'fig4',
  grid: 'fig11',
  reference: 'Fig. 4',
  references: 'Figs. 4 and 11',
});

/** The same for random noise. */
export const noiseSection = changesSection('changes-noise', 'noise', {
  figure: 'fig5',
  grid: 'fig12',
  reference: 'Fig. 5',
  references: 'Figs. 5 and 12',
});

/** What the article has figures of. */
const IN_ARTICLE: readonly PerturbationName[] = ['zero', 'reinit', 'noise'];
const FURTHER = PERTURBATION_NAMES.filter((name) => !IN_ARTICLE.includes(name));

/** The same for every other perturbation, whose charts are named by it: `mean-gradient`. */
export const furtherSections: readonly MakeSection[] = FURTHER.map((name) =>
  changesSection(`changes-${name}`, name, { figure: name }),
);

/** The charts of those sections. */
export function furtherCharts(
  { traces }: Pick<RunReport, 'traces'>,
  groups: readonly GroupLabel[],
): NamedChart[] {
  return FURTHER.flatMap((name) => [
    ...changeCharts(name, name, traces, groups),
    ...nullCharts(name, name, traces, groups),
  ]);
}

function changesSection(
  id: string,
  perturbation: PerturbationName,
  { figure, grid, reference, references = reference }: ShownFigures,
): MakeSection {
  return (report, groups, charts) => {
    const drawn = changeCharts(figure, perturbation, report.traces, groups);
    const grids = grid === undefined ? [] : sigmaCharts(grid, perturbation, report.traces, groups);
    const ofNulls = nullCharts(figure, perturbation, report.traces, groups);
    const traces = [...new Set(drawn.map(({ view }) => view.trace))];
    if (traces.length === 0) return undefined;
    const published = publishedOf(report.dataset);
    const body = traces.map((trace, at) => {
      const beside = published && publishedChangeTable(published, trace, groups);
      const shown = drawn.filter(({ view }) => view.trace === trace && view.sigma === shownSigma(trace));
      const ofTrace = grids.filter((chart) => chart.grid.trace === trace);
      return html`${traces.length > 1 ? html`<h3>Measured on the ${SPLIT_NAME[trace.split]} split</h3> ` : undefined}
        <div class="charts">
          ${shown.map(
            ({ view, name }) =>
              html`<div style="width:${Math.ceil(charts.get(name)?.width ?? 0)}px">
                ${chartFigure(charts.get(name))}
                <p class="note">${findings(view, groups)}</p>
              </div> `,
          )}
        </div>
        ${ofTrace.map(({ name }) => chartFigure(charts.get(name)))} ${beside && htmlTable(beside)}
        ${nulls(trace, charts.get(ofNulls.find((chart) => chart.trace === trace)?.name ?? ''), groups)}
        ${lostImages(trace, groups, report.dataset.targetNames ?? [])}
        <p class="note">
          ${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])}
          ${
            shown.some(({ view }) => hasManyKs(view))
              ? 'These charts keep to the article’s numbers of neurons; the tables hold all that were tried.'
              : undefined
          }
        </p>
        ${folded(HOW, at === 0 ? method(trace, report.result) : methodAgain(trace, report.result))} `;
    });
    return {
      id,
      title: [PERTURBED[perturbation].heading, ...inArticle(grids.length > 0 ? references : reference)].join(
        ' ',
      ),
      verdict: traces[0] && changesVerdict(traces[0], groups),
      data: [{ name: figure, rows: traceFigure.rows({ ...report, traces }) }],
      body: html`${body}
        <p class="note">
          ${
            grids.length > 0
              ? 'Charts of this section that show the same standard deviations share their scales.'
              : 'All charts of this section share their scales; those of other sections have their own.'
          }
        </p> `,
    };
  };
}

/** The article's claim beside each null: the chart, and the numbers folded away. */
function nulls(
  trace: TraceUnstructuredResult,
  chart: Chart | undefined,
  groups: readonly GroupLabel[],
): Markup | undefined {
  const tables = nullTables(trace, groups);
  if (tables.length === 0) return undefined;
  const present = nullsOf(trace.entries);
  return html`${chartFigure(chart)}
    <p class="note">
      The claim is that critical neurons matter to minority groups and not to majority ones: minority minus
      majority change. Random neurons
      ${NULLS.filter(({ name }) => present.includes(name))
        .map(({ words, asks }) => `${words} tell ${asks}`)
        .join('; ')}.
      Margins and losses move with every sample, accuracies only where a prediction flips.
    </p>
    ${folded('Tables of nulls, p-values raw and after Holm’s correction', tables.map(htmlTable))} `;
}

function inArticle(reference: string | undefined): string[] {
  return reference === undefined ? [] : [`(${reference})`];
}

function measuredOn({ split }: TraceUnstructuredResult): string {
  return split === 'train'
    ? 'All accuracies here are training accuracies, as in Part I of the article.'
    : `All accuracies here are ${SPLIT_NAME[split]} accuracies; Part I of the article uses training accuracies.`;
}

/** Of a further trace in a section, what differs from the one before it. */
function methodAgain(trace: TraceUnstructuredResult, result: TrainingResult | undefined): Markup {
  const { controls, checkpoint } = trace;
  return html`<p>The same perturbation on another split. ${measuredOn(trace)} ${settingsText(trace)}</p>
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
      ${sourceText(trace, 'the group that the neurons are chosen for')} ${settingsText(trace)}
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

/** Where weights of an earlier epoch are from, or over what a perturbation that draws numbers was averaged. */
function settingsText({ perturbation, seeds, repeats = {}, rewound }: TraceUnstructuredResult): string {
  if (rewound) {
    return `That is epoch ${rewound.epoch}, ${plural(rewound.epochs, 'epoch')} before the traced one.`;
  }
  if (!isDrawn(perturbation)) return '';
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
    const isMean = isDrawn(view.trace.perturbation) && view.trace.seeds.length > 1;
    return [
      html`Largest change of a ${minority ? 'minority' : 'majority'} group under its own neurons:
      ${spreadText(largest.change, largest.std)} points for ${groupName(group)} at k = ${largest.k}, a net
      ${isMean ? `${fixed(net, 1)} (mean)` : fixed(net, 0)} of
      ${plural(total, 'sample')}${randomText(changeOfGroup(largest.entry, largest.group))}. `,
    ];
  });
}
