import { drawFigures } from './figures.js';
import { page } from './html.js';
import type { RunReport } from './reportData.js';

export type { ReportDataset, RunReport, SampleImage } from './reportData.js';

/**
 * Renders a run as one HTML page that fetches nothing: style, charts and images are inside.
 *
 * @throws TypeError when a sample image is not a `data:image/` URI
 */
export async function renderReport(report: RunReport): Promise<string> {
  return page(report, await drawFigures(report));
}

/**
 * The report's charts as SVG files: `fig1.svg` (article, Fig. 1), `fig2-gradient.svg` and `fig2-magnitude.svg`
 * (Fig. 2), `training.svg`. Charts without data are left out; a second trace adds `fig2-gradient-2.svg`.
 */
export async function renderFigures(report: RunReport): Promise<{ name: string; svg: string }[]> {
  const figures = await drawFigures(report);
  const seen = new Map<string, number>();
  const fig2 = figures.fig2.map(({ view, chart }) => {
    const times = (seen.get(view.criterion) ?? 0) + 1;
    seen.set(view.criterion, times);
    return { name: `fig2-${view.criterion}${times === 1 ? '' : `-${times}`}.svg`, svg: chart.svg };
  });
  return [
    ...(figures.fig1 ? [{ name: 'fig1.svg', svg: figures.fig1.svg }] : []),
    ...fig2,
    ...(figures.training ? [{ name: 'training.svg', svg: figures.training.svg }] : []),
  ];
}
