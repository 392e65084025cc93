import type { TraceUnstructuredResult } from '../../experiments/results.js';
import type { PerturbationName } from '../../neurons/perturbations.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { shownSigma } from '../views/perturbation.js';
import {
  byCriterion,
  changeExtent,
  forFigure,
  hasManyKs,
  sigmaGrids,
  type CriterionTrace,
  type SigmaGrid,
} from '../views/selections.js';
import { changeChart } from './changes.js';
import { nullDots } from './nullDots.js';
import { manyNeuronsChart } from './manyNeurons.js';
import type { NamedChart } from './render.js';
import { sigmaChart } from './sigmaGrid.js';

/** A chart, and the part of a trace that it shows. */
interface ViewChart extends NamedChart {
  readonly view: CriterionTrace;
}

/**
 * The charts of one perturbation's traces, one for each criterion and standard deviation: the article's Figs 2, 4 and 5.
 * They are named `fig2-gradient`, `fig4-gradient-0.01` where several standard deviations were tried, `fig5-magnitude-test`
 * for another split than training, `fig2-gradient-2` for a second trace of the same kind.
 *
 * @param figure what the names begin with
 */
export function changeCharts(
  figure: string,
  perturbation: PerturbationName,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): ViewChart[] {
  const views = viewsOf(perturbation, traces);
  return viewCharts(figure, views, (view) =>
    changeChart(forFigure(view), groups, changeExtent(comparable(view, views).map(forFigure))),
  );
}

/** The charts of those traces with more numbers of neurons than Figs 2, 4 and 5 show: the article's Table 3. */
export function manyNeuronsCharts(
  figure: string,
  perturbation: PerturbationName,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): ViewChart[] {
  const views = viewsOf(perturbation, traces);
  return viewCharts(figure, views.filter(hasManyKs), (view) =>
    manyNeuronsChart(view, groups, changeExtent(comparable(view, views))),
  );
}

function viewCharts(
  figure: string,
  views: readonly CriterionTrace[],
  chartOf: (view: CriterionTrace) => Omit<NamedChart, 'name'>,
): ViewChart[] {
  return numbered(views.map((view) => ({ view, name: viewName(figure, view), ...chartOf(view) })));
}

/** The charts over standard deviations, one for each criterion of a trace that has several: the article's Figs 11 and 12. */
export function sigmaCharts(
  figure: string,
  perturbation: PerturbationName,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): (NamedChart & { readonly grid: SigmaGrid })[] {
  const grids = sigmaGrids(viewsOf(perturbation, traces).map(forFigure));
  const extent = changeExtent(grids.flatMap(({ views }) => views));
  return numbered(
    grids.map((grid) => ({
      grid,
      name: [figure, grid.criterion, ...splitSuffix(grid.trace)].join('-'),
      ...sigmaChart(grid, groups, extent),
    })),
  );
}

/** The charts of the article's claim beside random neurons, one a trace: `fig2-nulls`, `fig2-nulls-test`. */
export function nullCharts(
  figure: string,
  perturbation: PerturbationName,
  traces: readonly TraceUnstructuredResult[],
  groups: readonly GroupLabel[],
): (NamedChart & { readonly trace: TraceUnstructuredResult })[] {
  return numbered(
    traces
      .filter((trace) => trace.perturbation === perturbation)
      .flatMap((trace) => {
        const chart = nullDots(trace, shownSigma(trace), groups);
        return chart ? [{ trace, name: [figure, 'nulls', ...splitSuffix(trace)].join('-'), ...chart }] : [];
      }),
  );
}

function viewsOf(
  perturbation: PerturbationName,
  traces: readonly TraceUnstructuredResult[],
): CriterionTrace[] {
  return byCriterion(traces.filter((trace) => trace.perturbation === perturbation));
}

/** What a reader compares shares its scales: little noise does much less than much noise. */
function comparable({ sigma }: CriterionTrace, views: readonly CriterionTrace[]): CriterionTrace[] {
  return views.filter((other) => other.sigma === sigma);
}

function viewName(figure: string, { criterion, sigma, trace }: CriterionTrace): string {
  const sigmas = new Set(trace.entries.map((entry) => entry.sigma)).size;
  return [
    figure,
    criterion,
    ...(sigma !== null && sigmas > 1 ? [String(sigma)] : []),
    ...splitSuffix(trace),
  ].join('-');
}

function splitSuffix({ split }: TraceUnstructuredResult): string[] {
  return split === 'train' ? [] : [split];
}

function numbered<Named extends NamedChart>(charts: readonly Named[]): Named[] {
  const seen = new Map<string, number>();
  return charts.map((chart) => {
    const times = (seen.get(chart.name) ?? 0) + 1;
    seen.set(chart.name, times);
    return times === 1 ? chart : { ...chart, name: `${chart.name}-${times}` };
  });
}
