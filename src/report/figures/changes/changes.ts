import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import { NULLS } from '../../../neurons/nulls.js';
import { isDrawn, type PerturbationName } from '../../../neurons/perturbations.js';
import type { TrainingResult } from '../../../train/results.js';
import type { ReportDataset, Show } from '../../figure.js';
import { fixed, plural, pointsSpread, SPLIT_NAME, typographic } from '../../format.js';
import { type Groups, groupsOfKind, smallestGroup } from '../../groupLabels.js';
import {
  chartBeside,
  chartFigure,
  folded,
  groupName,
  HOW,
  html,
  htmlTable,
  type Markup,
} from '../../html/html.js';
import { besidePublished, PUBLISHED_COLUMNS, publishedOf } from '../../published.js';
import { numbers, type Table } from '../../table.js';
import {
  measuredOn,
  type NamedChanges,
  randomSetsText,
  sameBaseline,
  sourceText,
  tracedWeights,
  unitsText,
} from '../../traces/method.js';
import { changeOfGroup, randomText } from '../../traces/tests.js';
import type { Chart } from '../../vega/render.js';
import { changeCharts, nullCharts, sigmaCharts } from './charts.js';
import { lostImages } from './lostImages.js';
import { nullTables, traceRows, traceTables } from './tables.js';
import { changesVerdict } from './verdict.js';
import {
  bracketed,
  type CriterionView,
  fewerSeeds,
  forFigure,
  largestOwnChange,
  ownChange,
  PERTURBED,
  selectionsOf,
  type TraceView,
  traceView,
  upTo,
} from './view.js';

/**
 * Shows the changes of the groups' accuracies under one perturbation of the chosen neurons.
 *
 * @param figure the article's figure, with whose name those of charts begin; default: the perturbation's name
 * @param grid the article's figure of several standard deviations
 */
export function showChanges(perturbation: PerturbationName, figure: string = perturbation, grid = ''): Show {
  return ({ traces, dataset, result }, groups) => {
    const views = traces
      .filter((trace) => trace.perturbation === perturbation && trace.entries.length > 0)
      .map(traceView);
    const [first] = views;
    if (!first) return undefined;
    const charts = {
      changes: changeCharts(figure, views, groups),
      nulls: nullCharts(figure, views, groups),
      grids: grid === '' ? [] : sigmaCharts(grid, views, groups),
    };
    const named = charts.grids.length > 0 ? [figure, grid] : [figure];
    return {
      id: perturbation === 'zero' ? 'changes' : `changes-${perturbation}`,
      title: `${PERTURBED[perturbation].heading}${bracketed(figureNames(named))}`,
      verdict: changesVerdict(first, groups),
      charts: [...charts.changes, ...charts.nulls, ...charts.grids],
      tables: views.flatMap((view) => traceTables(view, groups)),
      data: { name: figure, rows: views.flatMap((view) => traceRows(view, dataset.groupNames)) },
      prose: (drawn) =>
        html`${views.map((view, at) => {
            const { trace } = view;
            const shown = charts.changes.filter(
              (chart) => chart.view.trace === trace && chart.view.sigma === view.shownSigma,
            );
            const beside = publishedChangeTable(dataset, view, groups);
            const nullChart = charts.nulls.find(({ of }) => of === view);
            return html`${views.length > 1 ? html`<h3>Measured on the ${SPLIT_NAME[trace.split]} split</h3> ` : undefined}
              <div class="charts">
                ${shown.map((chart) => chartBeside(drawn(chart), { note: findings(chart.view, groups) }))}
              </div>
              ${charts.grids.filter((chart) => chart.view.trace === trace).map((chart) => chartFigure(drawn(chart)))}
              ${beside && htmlTable(beside)} ${nulls(view, nullChart && drawn(nullChart), groups)}
              ${lostImages(view, groups, dataset.targetNames ?? [])}
              <p class="note">
                ${smallestGroup(trace.baseline.total, groups, SPLIT_NAME[trace.split])}
                ${
                  shown.some((chart) => forFigure(chart.view) !== chart.view)
                    ? 'These charts keep to the article’s numbers of neurons; the tables hold all that were tried.'
                    : undefined
                }
              </p>
              ${folded(HOW, method(view, result, at === 0))} `;
          })}
          <p class="note">
            ${
              charts.grids.length > 0
                ? 'Charts of this section that show the same standard deviations share their scales.'
                : 'All charts of this section share their scales; those of other sections have their own.'
            }
          </p> `,
    };
  };
}

/** `Fig. 4`, `Figs. 4 and 11`; empty for names that are none of the article's. */
function figureNames(names: readonly string[]): string {
  const ofArticle = names.flatMap((name) => /^fig(\d+)$/.exec(name)?.[1] ?? []);
  if (ofArticle.length === 0) return '';
  return `${ofArticle.length === 1 ? 'Fig.' : 'Figs.'} ${ofArticle.join(' and ')}`;
}

/** The article's claim beside each null: the chart, and the numbers folded away. */
function nulls(view: TraceView, chart: Chart | undefined, groups: Groups): Markup | undefined {
  const tables = nullTables(view, groups);
  if (tables.length === 0) return undefined;
  return html`${chartFigure(chart)}
    <p class="note">
      The claim is that critical neurons matter to minority groups and not to majority ones: minority minus
      majority change. Random neurons
      ${NULLS.filter(({ name }) => view.nulls.includes(name))
        .map(({ words, asks }) => `${words} tell ${asks}`)
        .join('; ')}.
      Margins and losses move with every sample, accuracies only where a prediction flips.
    </p>
    ${folded('Tables of nulls, p-values raw and after Holm’s correction', tables.map(htmlTable))} `;
}

/** How a trace was made; of a further one of the section, in what it differs from the first. */
function method(view: TraceView, result: TrainingResult | undefined, isFirst: boolean): Markup {
  const { trace } = view;
  const measured = measuredOn(trace, ', as in Part I of the article');
  const compared = randomSetsText(trace, comparedChanges(view), isFirst);
  const weights = html`${tracedWeights(trace.checkpoint)} ${sameBaseline(trace, result)}`;
  if (!isFirst) {
    return html`<p>The same perturbation on another split. ${measured} ${settingsText(trace)}</p>
      <p class="note">${compared} ${weights}</p> `;
  }
  return html`<p>
      ${measured} Of ${unitsText(trace)} in the whole model, the k with the highest score
      ${PERTURBED[trace.perturbation].method}, and every group is evaluated again.
      ${sourceText(trace, 'the group that the neurons are chosen for')} ${settingsText(trace)}
    </p>
    <p class="note">${compared}</p>
    <p class="note">${weights}</p> `;
}

/** The changes of a trace: of the groups that neurons were chosen for (bars), and of every group (cells). */
function comparedChanges(view: TraceView): NamedChanges[] {
  return [
    {
      name: 'changes of a group under its own neurons',
      changes: view.views.flatMap(({ entries }) => entries.map((entry) => changeOfGroup(entry))),
    },
    {
      name: 'changes of any group',
      changes: selectionsOf(view).flatMap(({ entry }) =>
        entry.change.map((_, group) => changeOfGroup(entry, group)),
      ),
    },
  ];
}

/** Where weights of an earlier epoch are from, or over what a perturbation that draws numbers was averaged. */
function settingsText(trace: TraceUnstructuredResult): string {
  const { perturbation, seeds, rewound } = trace;
  if (rewound) {
    return `That is epoch ${rewound.epoch}, ${plural(rewound.epochs, 'epoch')} before the traced one.`;
  }
  if (!isDrawn(perturbation)) return '';
  const [only] = seeds;
  if (seeds.length === 1) return `The numbers were drawn with one seed, ${only}: no spread is known.`;
  const fewer = fewerSeeds(trace).map(([criterion, count]) => `; ${criterion}: the first ${count}`);
  return (
    `Every change is the mean over ${plural(seeds.length, 'seed')} of the draws (${seeds.join(', ')}${fewer.join('')}), with one standard deviation ` +
    '(n − 1) after ± in text and tables. The seeds vary the draws alone: model and neurons stay the same.'
  );
}

/** The article's contrast in words: the largest own change among minority and among majority groups. */
function findings(view: CriterionView, groups: Groups): Markup[] {
  return [true, false].flatMap((minority) => {
    const largest = largestOwnChange(view, groupsOfKind(groups, minority));
    const group = largest && groups[largest.group];
    if (!group) return [];
    const total = view.trace.baseline.total[group.index] ?? 0;
    const net = Math.abs(ownChange(largest)) * total;
    const isMean = isDrawn(view.trace.perturbation) && view.trace.seeds.length > 1;
    return [
      html`Largest change of a ${minority ? 'minority' : 'majority'} group under its own neurons:
      ${typographic(pointsSpread(ownChange(largest), largest.changeStd?.[group.index]))} points for
      ${groupName(group)} at k = ${largest.k}, a net ${isMean ? `${fixed(net, 1)} (mean)` : fixed(net, 0)} of
      ${plural(total, 'sample')}${randomText(changeOfGroup(largest, group.index))}. `,
    ];
  });
}

/** The article's Fig. 2 zeroes so many neurons at most. */
const PUBLISHED_KS = 3;

/** The article's largest changes under zeroed neurons beside those of a trace; undefined where it gives none. */
export function publishedChangeTable(
  dataset: Pick<ReportDataset, 'counts'>,
  { trace, views }: TraceView,
  groups: Groups,
): Table | undefined {
  const { name, largestZeroed } = publishedOf(dataset) ?? {};
  if (!largestZeroed || trace.perturbation !== 'zero' || trace.split !== 'train') return undefined;
  return {
    caption: `Largest change of a group’s training accuracy, without its sign: the article’s of ${name} (ResNet-50, mean of 10 runs, up to ${PUBLISHED_KS} neurons) beside this run’s.`,
    columns: numbers('groups', ...PUBLISHED_COLUMNS),
    rows: (['minority', 'majority'] as const).map((kind) => {
      const indices = groupsOfKind(groups, kind === 'minority');
      const sizes = views.map((view) => {
        const largest = largestOwnChange(upTo(view, PUBLISHED_KS), indices);
        return largest ? Math.abs(ownChange(largest)) : 0;
      });
      return [kind, ...besidePublished(largestZeroed[kind], Math.max(...sizes))];
    }),
  };
}
