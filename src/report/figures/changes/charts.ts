import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import { CRITERION_NAMES, criterionNamed } from '../../../neurons/criteria.js';
import { SPLIT_NAME } from '../../format.js';
import { type Groups, shortList, starNote } from '../../groupLabels.js';
import { cellMatrix, changeCell } from '../../traces/cells.js';
import { changeOfGroup, MARK, MARKED_P } from '../../traces/tests.js';
import type { ChartSpec, NamedChart } from '../../vega/render.js';
import { changeBars } from './bars.js';
import { nullDots } from './nullDots.js';
import {
  bracketed,
  type ChangeExtent,
  changeExtent,
  type CriterionView,
  forFigure,
  hasManyKs,
  hasSpread,
  ksOf,
  PERTURBED,
  seedsNote,
  type Selection,
  settingsNote,
  type TraceView,
} from './view.js';

/** Pixels of a row of the matrix. */
const ROW = 24;
/** Panels of standard deviations beside each other. */
const COLUMNS = 3;

export interface ViewChart extends NamedChart {
  readonly view: CriterionView;
}

/**
 * The charts of some traces of one perturbation, one for each criterion and standard deviation: the article's Figs 2, 4 and 5.
 * They are named `fig2-gradient`, `fig4-gradient-0.01` where several standard deviations were tried, `fig5-magnitude-test`
 * for another split than training, `fig2-gradient-2` for a second trace of the same kind.
 */
export function changeCharts(figure: string, traces: readonly TraceView[], groups: Groups): ViewChart[] {
  const views = traces.flatMap((trace) => trace.views);
  const shown = views.map(forFigure);
  return viewCharts(figure, views, (view) => changeChart(forFigure(view), groups, extentAmong(shown, view)));
}

/** The charts of those traces with more numbers of neurons than Figs 2, 4 and 5 show: the article's Table 3. */
export function manyNeuronsCharts(figure: string, traces: readonly TraceView[], groups: Groups): ViewChart[] {
  const views = traces.flatMap((trace) => trace.views);
  return viewCharts(figure, views.filter(hasManyKs), (view) =>
    manyNeuronsChart(view, groups, extentAmong(views, view)),
  );
}

/** Charts that a reader compares share their scales: little noise does much less than much noise. */
function extentAmong(views: readonly CriterionView[], { sigma }: CriterionView): ChangeExtent {
  return changeExtent(views.filter((view) => view.sigma === sigma));
}

function viewCharts(
  figure: string,
  views: readonly CriterionView[],
  chartOf: (view: CriterionView) => ChartSpec,
): ViewChart[] {
  return numbered(
    views.map((view) => {
      const sigmas = new Set(view.trace.entries.map(({ sigma }) => sigma)).size;
      const ofSigma = view.sigma !== null && sigmas > 1 ? [String(view.sigma)] : [];
      return { view, name: nameOf(view.trace, figure, view.criterion, ...ofSigma), ...chartOf(view) };
    }),
  );
}

/** The charts over standard deviations, one for each criterion of a trace that has several: the article's Figs 11 and 12. */
export function sigmaCharts(figure: string, traces: readonly TraceView[], groups: Groups): ViewChart[] {
  const grids = traces.flatMap(({ views }) =>
    CRITERION_NAMES.map((name) => views.filter(({ criterion }) => criterion === name).map(forFigure)).filter(
      (grid) => grid.length > 1,
    ),
  );
  const extent = changeExtent(grids.flat());
  return numbered(
    grids.flatMap((grid) => {
      const [view] = grid;
      if (!view) return [];
      const name = nameOf(view.trace, figure, view.criterion);
      return [{ view, name, ...sigmaChart(view, grid, groups, extent) }];
    }),
  );
}

/** The charts of the article's claim beside random neurons, one a trace: `fig2-nulls`, `fig2-nulls-test`. */
export function nullCharts(
  figure: string,
  traces: readonly TraceView[],
  groups: Groups,
): (NamedChart & { readonly of: TraceView })[] {
  return numbered(
    traces.flatMap((of) => {
      const chart = nullDots(of, groups);
      return chart ? [{ of, name: nameOf(of.trace, figure, 'nulls'), ...chart }] : [];
    }),
  );
}

function nameOf({ split }: TraceUnstructuredResult, ...parts: readonly string[]): string {
  return [...parts, ...(split === 'train' ? [] : [split])].join('-');
}

function numbered<Named extends NamedChart>(charts: readonly Named[]): Named[] {
  return charts.map((chart, at) => {
    const times = charts.slice(0, at + 1).filter(({ name }) => name === chart.name).length;
    return times === 1 ? chart : { ...chart, name: `${chart.name}-${times}` };
  });
}

/** The changes under the neurons that one criterion chose (article, Figs 2, 4 and 5): bars above, and the full matrix below. */
function changeChart(view: CriterionView, groups: Groups, { own, all }: ChangeExtent): ChartSpec {
  const note = settingsNote(view);
  const bars = changeBars(view, groups, { own, small: false });
  return {
    label: labelOf(view, note, ', and as a matrix for every group'),
    spec: {
      title: titleOf(view, '', [note, ...barNotes([view]), samplesNote(view, groups)]),
      spacing: 34,
      vconcat: [bars, changeMatrix(view, groups, bars.width, all)],
      resolve: { scale: { color: 'independent', x: 'independent' } },
    },
  };
}

/** Accuracy changes over many numbers of perturbed neurons (article, Table 3, as a chart): bars alone, without numbers. */
function manyNeuronsChart(view: CriterionView, groups: Groups, { own }: ChangeExtent): ChartSpec {
  const note = settingsNote(view);
  const ks = ksOf(view).join(', ');
  return {
    label: labelOf(view, note, `, for k = ${ks}`),
    spec: {
      title: titleOf(view, `, k = ${ks}`, [note, barNotes([view]).join('; '), samplesNote(view, groups)]),
      ...changeBars(view, groups, { own, small: false }),
    },
  };
}

/** Changes over standard deviations (article, Figs 11 and 12): a panel of bars for each, on one scale, as growth is the point. */
function sigmaChart(
  first: CriterionView,
  views: readonly CriterionView[],
  groups: Groups,
  { own }: ChangeExtent,
): ChartSpec {
  const note = seedsNote(first.trace, first.criterion);
  const sigmas = views.map(({ sigma }) => sigma ?? 0).join(', ');
  return {
    label: labelOf(first, note, `, a panel for each standard deviation: ${sigmas}`),
    spec: {
      title: titleOf(first, ', by standard deviation', [
        [`a panel for each σ, ${note}`, ...starNote(groups)].join('; '),
        barNotes(views).join('; '),
      ]),
      columns: Math.min(COLUMNS, views.length),
      spacing: 22,
      concat: views.map((view) => ({
        title: { text: `σ = ${view.sigma}`, fontSize: 14, offset: 8, anchor: 'middle' as const },
        ...changeBars(view, groups, { own, small: true }),
      })),
    },
  };
}

function labelOf({ criterion, trace }: CriterionView, note: string, more: string): string {
  return (
    `Accuracy change on the ${SPLIT_NAME[trace.split]} samples after ${PERTURBED[trace.perturbation].gerund} the neurons with the ` +
    `${criterionNamed(criterion).largest}${bracketed(note)}, as bars for the group that the neurons were chosen for${more}. ` +
    'The tables of changes hold the same numbers.'
  );
}

function titleOf({ criterion, trace }: CriterionView, more: string, lines: readonly string[]) {
  return {
    text: `Top-k by ${criterion}, ${PERTURBED[trace.perturbation].participle}${more}`,
    subtitle: lines.filter((line) => line !== ''),
  };
}

function samplesNote({ trace }: CriterionView, groups: Groups): string {
  return [...starNote(groups), `n = ${SPLIT_NAME[trace.split]} samples`].join('; ');
}

/** Subtitle lines that explain what stands around the bars. */
function barNotes(views: readonly CriterionView[]): string[] {
  const changes = views.flatMap(({ entries }) => entries.map((entry) => changeOfGroup(entry)));
  return [
    ...(changes.some(({ interval }) => interval) ? ['error bars: 95 % score interval over samples'] : []),
    ...((views[0]?.trace.nullDraws ?? 0) > 0 && changes.some(({ random }) => random)
      ? [`grey: random neurons, middle 95 % and mean; ${MARK} p ≤ ${MARKED_P}`]
      : []),
  ];
}

/**
 * The signed change of every group's accuracy (columns) under every set of neurons (rows). Frames mark the group's own column, whose
 * change is the bar above. `largest` is the largest |change| in points of all charts that a reader may compare.
 */
function changeMatrix(view: CriterionView, groups: Groups, width: number, largest: number) {
  const max = Math.max(1, largest);
  const rowName = (selection: Selection): string =>
    `for ${shortList(selection.groups, groups, 'all')}, k = ${selection.entry.k}`;
  const values = view.selections.flatMap((selection) =>
    groups.flatMap((group) => {
      const measured = changeOfGroup(selection.entry, group.index);
      if (!Number.isFinite(measured.change)) return [];
      return [
        {
          row: rowName(selection),
          column: group.short,
          ...changeCell(measured, `${group.full}, neurons ${rowName(selection)}`, max),
          own: selection.groups.length === 1 && selection.groups[0] === group.index,
        },
      ];
    }),
  );
  return {
    title: {
      text: 'Change of every group',
      subtitle: [
        `rows: ${view.trace.perturbation === 'zero' ? 'zeroed' : 'perturbed'} neurons; columns: ${hasSpread(view) ? 'mean ' : ''}change in points`,
        ...(values.some(({ own }) => own) ? ['frame: the group that the neurons were chosen for'] : []),
        ...(values.some(({ marked }) => marked) ? [`dot: p ≤ ${MARKED_P} against random neurons`] : []),
      ],
      fontSize: 14,
    },
    width,
    height: ROW * view.selections.length,
    ...cellMatrix(values, {
      columns: groups.map(({ short }) => short),
      rows: view.selections.map(rowName),
      max,
      fontSize: 12,
      gap: 0.1,
    }),
  };
}
