import { renderChart } from './charts/render.js';
import type { Charts, Figure, MakeSection } from './figure.js';
import { FIGURES } from './figures.js';
import { html } from './html/markup.js';
import { htmlPage, type Section } from './html/page.js';
import type { RunReport } from './reportData.js';
import { comparisonSection } from './sections/comparison.js';
import { configurationSection } from './sections/configuration.js';
import { furtherCharts, furtherSections } from './sections/changes.js';
import { dataSection } from './sections/data.js';
import { summarySection } from './sections/summary.js';
import { trainingCharts, trainingSection } from './sections/training.js';
import { plain } from './text.js';
import { groupLabels } from './views/groupLabels.js';

export type { ReportDataset, RunReport } from './reportData.js';

/** Sections that belong to no figure, and stand before and after the figures' own. */
const OPENING: readonly MakeSection[] = [summarySection, comparisonSection, dataSection];
const CLOSING: readonly MakeSection[] = [...furtherSections, trainingSection, configurationSection];

/**
 * Draws the charts for which the report has data: those of all figures, of perturbations that
 * the article does not have, and the training curves. A figure's charts are
 * named by it: `fig1`, `fig2-gradient`, `fig7-magnitude`.
 */
export async function drawCharts(report: RunReport): Promise<Charts> {
  const groups = groupLabels(report.dataset);
  const specs = [
    ...FIGURES.flatMap(({ charts }) => charts?.(report, groups) ?? []),
    ...furtherCharts(report, groups),
    ...trainingCharts(report, groups),
  ];
  return new Map(await Promise.all(specs.map(async (spec) => [spec.name, await renderChart(spec)] as const)));
}

/**
 * Renders a run as one HTML page that fetches nothing: style, charts and images are inside. A summary comes first, then the
 * sections that have data, the figures' in the order of `FIGURES`.
 *
 * @param charts what `drawCharts` drew of the report, where that was done already
 * @throws TypeError when a sample image is not a `data:image/` URI; `RUN_INVALID` when one of Grad-CAM's is damaged
 */
export async function renderReport(report: RunReport, charts?: Charts): Promise<string> {
  const drawn = charts ?? (await drawCharts(report));
  const groups = groupLabels(report.dataset);
  const makers = new Set([...OPENING, ...FIGURES.flatMap(({ sections }) => sections), ...CLOSING]);
  const sections: Section[] = [];
  for (const make of makers) {
    const section = await make(report, groups, drawn, figuresOf(make));
    if (section) sections.push(section);
  }
  return htmlPage(
    report.title,
    html`Dataset ${plain(report.dataset.name)}, ${groups.length} groups. Figures after You et al.,
      <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). A star
      marks a minority group.`,
    sections,
  );
}

/** The report's charts as SVG files. `charts` as above. */
export async function renderFigures(
  report: RunReport,
  charts?: Charts,
): Promise<{ name: string; svg: string }[]> {
  const drawn = charts ?? (await drawCharts(report));
  return [...drawn].map(([name, { svg }]) => ({ name: `${name}.svg`, svg }));
}

function figuresOf(section: MakeSection): Figure[] {
  return FIGURES.filter(({ sections }) => sections.includes(section));
}
