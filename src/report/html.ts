import type { Figures } from './figures.js';
import { groupLabels } from './groups.js';
import { htmlPage } from './htmlPage.js';
import { html } from './markup.js';
import type { RunReport } from './reportData.js';
import { beforeAfterSection } from './sections/beforeAfter.js';
import { configurationSection } from './sections/configuration.js';
import { dataSection } from './sections/data.js';
import { accuracySection } from './sections/accuracy.js';
import { neuronSection } from './sections/neurons.js';
import { summarySection } from './sections/summary.js';
import { changeSections } from './sections/changes.js';
import { overlapSection } from './sections/overlap.js';
import { gradCamSection } from './sections/gradCam.js';
import { layerSection } from './sections/layers.js';
import { tableSection } from './sections/tables.js';
import { trainingSection } from './sections/training.js';
import { plain } from './text.js';

/**
 * The whole report as one HTML page: a summary, then the sections that have data.
 *
 * @throws TypeError when a sample image is not a `data:image/` URI
 */
export function page(report: RunReport, figures: Figures): string {
  const groups = groupLabels(report.dataset.groupNames, report.dataset.minorityGroups);
  const sections = [
    summarySection(report, groups, figures),
    dataSection(report, groups),
    accuracySection(report, groups, figures),
    beforeAfterSection(report, groups),
    ...changeSections(report, groups, figures),
    tableSection(report, groups, figures),
    neuronSection(groups, figures),
    overlapSection(report, groups, figures),
    layerSection(report, groups, figures),
    gradCamSection(report, groups, figures),
    trainingSection(report, groups, figures),
    configurationSection(report),
  ].filter((section) => section !== undefined);
  return htmlPage(
    report.title,
    html`Dataset ${plain(report.dataset.name)}, ${groups.length} groups. Figures after You et al.,
      <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). A star
      marks a minority group.`,
    sections,
  );
}
