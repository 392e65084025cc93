import type { TraceUnstructuredResult } from '../../../experiments/results.js';
import { CRITERION_NAMES, criterionNamed } from '../../../neurons/criteria.js';
import { SPLIT_NAME } from '../../format.js';
import { type GroupLabel, shortList, starNote } from '../../groupLabels.js';
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

/** A chart, and the part of a trace that it shows. */
export interface ViewChart extends NamedChart {
  readonly view: CriterionView;
}

/**
 * The charts of some traces of one perturbation, one for each criterion and standard deviation: the article's Figs 2, 4 and 5.
 * They are named `fig2-gradient`, `fig4-gradient-0.01` where several standard deviations were tried, `fig5-magnitude-test`
 * for another split than training, `fig2-gradient-2` for a second trace of the same kind.
 *
 * @param figure the beginning of the names
 */
export function changeCharts(
  figure: string,
  traces: readonly TraceView[],
  groups: readonly GroupLabel[],
): ViewChart[] {
  return viewCharts(figure, traces, (view, extent) => changeChart(view, groups, extent), {
    shown: forFigure,
  });
}

/** The charts of those traces with more numbers of neurons than Figs 2, 4 and 5 show: the article's Table 3. */
export function manyNeuronsCharts(
  figure: string,
  traces: readonly TraceView[],
  groups: readonly GroupLabel[],
): ViewChart[] {
  return viewCharts(figure, traces, (view, extent) => manyNeuronsChart(view, groups, extent), {
    isDrawn: hasManyKs,
  });
}

function viewCharts(
  figure: string,
  traces: readonly TraceView[],
  chartOf: (view: CriterionView, extent: ChangeExtent) => ChartSpec,
  {
    shown = (view: CriterionView) => view,
    isDrawn = (_view: CriterionView) => true,
  }: { readonly shown?: typeof forFigure; readonly isDrawn?: typeof hasManyKs },
): ViewChart[] {
  const views = traces.flatMap((trace) => trace.views);
  return numbered(
    views.filter(isDrawn).map((view) => {
      // Charts that a reader compares share their scales: little noise does much less than much noise.
      const comparable = views.filter(({ sigma }) => sigma === view.sigma);
      const sigmas = new Set(view.trace.entries.map(({ sigma }) => sigma)).size;
      const ofSigma = view.sigma !== null && sigmas > 1 ? [String(view.sigma)] : [];
      return {
        view,
        name: [figure, view.criterion, ...ofSigma, ...splitSuffix(view.trace)].join('-'),
        ...chartOf(shown(view), changeExtent(comparable.map(shown))),
      };
    }),
  );
}

/** The charts over standard deviations, one for each criterion of a trace that has several: the article's Figs 11 and 12. */
export function sigmaCharts(
  figure: string,
  traces: readonly TraceView[],
  groups: readonly GroupLabel[],
): ViewChart[] {
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
      const name = [figure, view.criterion, ...splitSuffix(view.trace)].join('-');
      return [{ view, name, ...sigmaChart(view, grid, groups, extent) }];
    }),
  );
}

/** The charts of the article's claim beside random neurons, one a trace: `fig2-nulls`, `fig2-nulls-test`. */
export function nullCharts(
  figure: string,
  traces: readonly TraceView[],
  groups: readonly GroupLabel[],
): (NamedChart & { readonly of: TraceView })[] {
  return numbered(
    traces.flatMap((of) => {
      const chart = nullDots(of, groups);
      return chart ? [{ of, name: [figure, 'nulls', ...splitSuffix(of.trace)].join('-'), ...chart }] : [];
    }),
  );
}

function splitSuffix({ split }: TraceUnstructuredResult): string[] {
  return split === 'train' ? [] : [split];
}

function numbered<Named extends NamedChart>(charts: readonly Named[]): Named[] {
  return charts.map((chart, at) => {
    const times = charts.slice(0, at + 1).filter(({ name }) => name === chart.name).length;
    return times === 1 ? chart : { ...chart, name: `${chart.name}-${times}` };
  });
}

/**
 * Accuracy changes after zeroing the neurons that one criterion chose (article, Fig. 2), or after their random
 * initialization (Fig. 4) or random noise (Fig. 5): bars above, and the full matrix below.
 *
 * @param extent of all charts that a reader may compare, so that they share their scales
 */
function changeChart(
  view: CriterionView,
  groups: readonly GroupLabel[],
  { own, all }: ChangeExtent,
): ChartSpec {
  const note = settingsNote(view);
  const bars = changeBars(view, groups, { own, small: false });
  return {
    label: labelOf(view, note, ', and as a matrix for every group'),
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${PERTURBED[view.trace.perturbation].participle}`,
        subtitle: [...(note === '' ? [] : [note]), ...barNotes([view]), samplesNote(view, groups)],
      },
      spacing: 34,
      vconcat: [bars, changeMatrix(view, groups, { width: bars.width, all })],
      resolve: { scale: { color: 'independent', x: 'independent' } },
    },
  };
}

/** Accuracy changes over many numbers of perturbed neurons (article, Table 3, as a chart): bars alone, without numbers. */
function manyNeuronsChart(
  view: CriterionView,
  groups: readonly GroupLabel[],
  { own }: ChangeExtent,
): ChartSpec {
  const note = settingsNote(view);
  const ks = ksOf(view).join(', ');
  return {
    label: labelOf(view, note, `, for k = ${ks}`),
    spec: {
      title: {
        text: `Top-k by ${view.criterion}, ${PERTURBED[view.trace.perturbation].participle}, k = ${ks}`,
        subtitle: [note, barNotes([view]).join('; '), samplesNote(view, groups)].filter(
          (line) => line !== '',
        ),
      },
      ...changeBars(view, groups, { own, small: false }),
    },
  };
}

/**
 * Accuracy changes under random initialization or noise over standard deviations (article, Figs 11 and 12): one panel of
 * bars for each, all on one scale, because what grows with the standard deviation is the point.
 */
function sigmaChart(
  { criterion, trace }: CriterionView,
  views: readonly CriterionView[],
  groups: readonly GroupLabel[],
  { own }: ChangeExtent,
): ChartSpec {
  const note = seedsNote(trace, criterion);
  const sigmas = views.map(({ sigma }) => sigma ?? 0).join(', ');
  return {
    label: labelOf({ criterion, trace }, note, `, a panel for each standard deviation: ${sigmas}`),
    spec: {
      title: {
        text: `Top-k by ${criterion}, ${PERTURBED[trace.perturbation].participle}, by standard deviation`,
        subtitle: [
          [`a panel for each σ, ${note}`, ...starNote(groups)].join('; '),
          barNotes(views).join('; '),
        ].filter((line) => line !== ''),
      },
      columns: Math.min(COLUMNS, views.length),
      spacing: 22,
      concat: views.map((view) => ({
        title: { text: `σ = ${view.sigma}`, fontSize: 14, offset: 8, anchor: 'middle' as const },
        ...changeBars(view, groups, { own, small: true }),
      })),
    },
  };
}

function labelOf(
  { criterion, trace }: Pick<CriterionView, 'criterion' | 'trace'>,
  note: string,
  more: string,
): string {
  return (
    `Accuracy change on the ${SPLIT_NAME[trace.split]} samples after ${PERTURBED[trace.perturbation].gerund} the neurons with the ` +
    `${criterionNamed(criterion).largest}${bracketed(note)}, as bars for the group that the neurons were chosen for${more}. ` +
    'The tables of changes hold the same numbers.'
  );
}

function samplesNote({ trace }: CriterionView, groups: readonly GroupLabel[]): string {
  return [...starNote(groups), `n = ${SPLIT_NAME[trace.split]} samples`].join('; ');
}

/** Subtitle lines that explain what stands around the bars. */
function barNotes(views: readonly CriterionView[]): string[] {
  const changes = views.flatMap(({ entries }) => entries.map((entry) => changeOfGroup(entry, entry.group)));
  return [
    ...(changes.some(({ interval }) => interval) ? ['error bars: 95 % score interval over samples'] : []),
    ...((views[0]?.trace.nullDraws ?? 0) > 0 && changes.some(({ random }) => random)
      ? [`grey: random neurons, middle 95 % and mean; ${MARK} p ≤ ${MARKED_P}`]
      : []),
  ];
}

/**
 * Lower panel of Figs 2, 4 and 5, the full picture: the signed change of every group's accuracy (columns) for every set of
 * neurons that was perturbed (rows: the group it was chosen for, and k). Frames mark the group's own column, whose
 * change is the bar above; dots mark changes unlike those of random neurons.
 *
 * @param options pixels without axes, and the largest |change| in points of all charts that a reader may compare
 */
function changeMatrix(
  view: CriterionView,
  groups: readonly GroupLabel[],
  options: { readonly width: number; readonly all: number },
) {
  const max = Math.max(1, options.all);
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
    width: options.width,
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
