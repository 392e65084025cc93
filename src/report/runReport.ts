import type { Chart } from './charts/render.js';
import { drawFigures } from './figures.js';
import { page } from './html.js';
import { figureName, gridFigureName, table3Name } from './perturbation.js';
import type { RunReport } from './reportData.js';

export type { ReportDataset, RunReport } from './reportData.js';

/**
 * Renders a run as one HTML page that fetches nothing: style, charts and images are inside.
 *
 * @throws TypeError when a sample image is not a `data:image/` URI
 */
export async function renderReport(report: RunReport): Promise<string> {
  return page(report, await drawFigures(report));
}

/**
 * The report's charts as SVG files: `fig1.svg` (article, Fig. 1); `fig2-gradient.svg` and `fig2-magnitude.svg` (Fig. 2),
 * `fig4-...` and `fig5-...` (Figs 4 and 5), with the standard deviation where there are several, which are then together in
 * `fig11-...` and `fig12-...`; `table3-...` where many numbers of neurons were tried; all with the split where it is not
 * training; `fig3.svg`; `fig7-gradient.svg` and `fig7-magnitude.svg`; `training.svg`. Charts without data are left out; a
 * second trace of the same kind adds `fig2-gradient-2.svg`.
 */
export async function renderFigures(report: RunReport): Promise<{ name: string; svg: string }[]> {
  const figures = await drawFigures(report);
  const seen = new Map<string, number>();
  const numbered = (name: string, { svg }: Chart) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return { name: `${name}${times === 1 ? '' : `-${times}`}.svg`, svg };
  };
  return [
    ...(figures.fig1 ? [{ name: 'fig1.svg', svg: figures.fig1.svg }] : []),
    ...figures.fig2.map(({ view, chart }) => numbered(figureName(view), chart)),
    ...figures.fig11.map(({ grid, chart }) => numbered(gridFigureName(grid), chart)),
    ...figures.table3.map(({ view, chart }) => numbered(table3Name(view), chart)),
    ...(figures.fig3 ? [{ name: 'fig3.svg', svg: figures.fig3.svg }] : []),
    ...figures.fig7.map(({ view, chart }) => ({ name: `fig7-${view.criterion}.svg`, svg: chart.svg })),
    ...(figures.training ? [{ name: 'training.svg', svg: figures.training.svg }] : []),
  ];
}
