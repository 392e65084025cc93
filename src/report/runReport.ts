import { type DrawnPage, drawPage } from './draw.js';
import type { RunReport, Section, Show } from './figure.js';
import { FIGURES } from './figures.js';
import { furtherChanges } from './figures/changes/figures.js';
import { groupLabels } from './groupLabels.js';
import { html } from './html/html.js';
import { showComparison } from './sections/comparison.js';
import { showConfiguration } from './sections/configuration.js';
import { showData } from './sections/data.js';
import { showSummary } from './sections/summary.js';
import { showTraining } from './sections/training.js';
import { plain } from './text.js';

/** Sections of no figure, before and after the figures' own. */
const OPENING: readonly Show<RunReport>[] = [showSummary, showComparison, showData];
const CLOSING: readonly Show<RunReport>[] = [...furtherChanges, showTraining, showConfiguration];

/** The sections that have data: a summary first, then the figures' in the order of `FIGURES`; each figure is shown once. */
export function sectionsOf(report: RunReport): Section[] {
  const groups = groupLabels(report.dataset);
  const ofFigures = FIGURES.flatMap(({ show, sections = [show] }) => sections);
  return [...new Set([...OPENING, ...ofFigures, ...CLOSING])].flatMap((show) => show(report, groups) ?? []);
}

/**
 * Draws a run's charts, and renders it as one HTML page that fetches nothing: style, charts and images are inside.
 *
 * @throws TypeError when a sample image is not a `data:image/` URI; `RUN_INVALID` when one of Grad-CAM's is damaged
 */
export function drawReport(report: RunReport): Promise<DrawnPage> {
  const { title, dataset } = report;
  const lead = html`Dataset ${plain(dataset.name)}, ${dataset.groupNames.length} groups. Figures after You et
    al., <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). A star
    marks a minority group.`;
  return drawPage(title, lead, sectionsOf(report));
}
