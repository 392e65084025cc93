import { fig2 } from './charts/fig2.js';
import { fig11 } from './charts/fig11.js';
import { fig3 } from './charts/fig3.js';
import { fig7 } from './charts/fig7.js';
import { table3 } from './charts/table3.js';
import { groupBars } from './charts/groupBars.js';
import { renderChart, type Chart } from './charts/render.js';
import { trainingCurves } from './charts/training.js';
import { groupLabels } from './groups.js';
import { drawOverlays, type OverlayRow } from './heatOverlays.js';
import { layerExtent, layersByCriterion, type LayerTrace } from './layers.js';
import type { RunReport } from './reportData.js';
import {
  byCriterion,
  changeExtent,
  forFigure,
  hasManyKs,
  sigmaGrids,
  type CriterionTrace,
  type SigmaGrid,
} from './selections.js';

/** All charts of a report; those without data are missing. */
export interface Figures {
  readonly fig1: Chart | undefined;
  /** One chart for each trace, criterion and standard deviation; the view holds all numbers of neurons. */
  readonly fig2: readonly { readonly view: CriterionTrace; readonly chart: Chart }[];
  /** One chart for each of these views that has more numbers of neurons than Fig. 2 shows. */
  readonly table3: readonly { readonly view: CriterionTrace; readonly chart: Chart }[];
  /** One chart for each trace and criterion with several standard deviations. */
  readonly fig11: readonly { readonly grid: SigmaGrid; readonly chart: Chart }[];
  readonly fig3: Chart | undefined;
  /** One chart for each criterion. */
  readonly fig7: readonly { readonly view: LayerTrace; readonly chart: Chart }[];
  /** One row for each example image. */
  readonly fig10: readonly OverlayRow[];
  readonly training: Chart | undefined;
}

/** Draws the charts for which the report has data. */
export async function drawFigures(report: RunReport): Promise<Figures> {
  const groups = groupLabels(report.dataset.groupNames, report.dataset.minorityGroups);
  const views = byCriterion(report.traces);
  const layerViews = report.layers ? layersByCriterion(report.layers) : [];
  const layerMax = layerExtent(layerViews);
  // What a reader compares shares its scales: noise does much less than zeroing, and little noise less than much.
  const comparable = ({ trace, sigma }: CriterionTrace) =>
    views.filter((other) => other.trace.perturbation === trace.perturbation && other.sigma === sigma);
  const extent = (view: CriterionTrace) => changeExtent(comparable(view).map(forFigure));
  const wideExtent = (view: CriterionTrace) => changeExtent(comparable(view));
  const grids = sigmaGrids(views.map(forFigure));
  const gridExtent = ({ trace }: SigmaGrid) =>
    changeExtent(
      grids.filter((other) => other.trace.perturbation === trace.perturbation).flatMap((grid) => grid.views),
    );
  return {
    fig1: report.result && (await renderChart(groupBars(report.result, groups))),
    fig2: await Promise.all(
      views.map(async (view) => ({
        view,
        chart: await renderChart(fig2(forFigure(view), groups, extent(view))),
      })),
    ),
    table3: await Promise.all(
      views
        .filter(hasManyKs)
        .map(async (view) => ({ view, chart: await renderChart(table3(view, groups, wideExtent(view))) })),
    ),
    fig11: await Promise.all(
      grids.map(async (grid) => ({ grid, chart: await renderChart(fig11(grid, groups, gridExtent(grid))) })),
    ),
    fig3:
      report.overlap && report.overlap.entries.length > 0
        ? await renderChart(fig3(report.overlap, groups))
        : undefined,
    fig7: await Promise.all(
      layerViews.map(async (view) => ({ view, chart: await renderChart(fig7(view, groups, layerMax)) })),
    ),
    fig10: await drawOverlays(report.gradCam?.examples ?? []),
    training:
      report.epochs.length > 0
        ? await renderChart(trainingCurves(report.epochs, groups, selectedEpoch(report)))
        : undefined,
  };
}

/** The selected epoch: the evaluated checkpoint's, or the best so far; undefined for a run without epochs. */
export function selectedEpoch(report: RunReport): number | undefined {
  if (report.result?.epochs === 0) return undefined;
  return report.result?.bestEpoch ?? report.epochs.findLast(({ best }) => best)?.epoch;
}
