import type { Figures } from './figures.js';
import { groupLabels } from './groups.js';
import { html, Markup } from './markup.js';
import type { RunReport } from './reportData.js';
import { configurationSection } from './sections/configuration.js';
import { dataSection } from './sections/data.js';
import { accuracySection } from './sections/accuracy.js';
import { neuronSection } from './sections/neurons.js';
import { summarySection } from './sections/summary.js';
import { changeSections } from './sections/changes.js';
import { overlapSection } from './sections/overlap.js';
import { layerSection } from './sections/layers.js';
import { tableSection } from './sections/tables.js';
import { trainingSection } from './sections/training.js';
import { STYLE } from './style.js';
import { plain } from './text.js';

// Belt and braces: even a mistake in the page cannot make a browser fetch anything or run a script.
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

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
    ...changeSections(report, groups, figures),
    tableSection(report, groups, figures),
    neuronSection(groups, figures),
    overlapSection(report, groups, figures),
    layerSection(report, groups, figures),
    trainingSection(report, groups, figures),
    configurationSection(report),
  ].filter((section) => section !== undefined);
  const title = plain(report.title);
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}" />
        <title>${title}</title>
        <style>
          ${new Markup(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          <p class="lead">
            Dataset ${plain(report.dataset.name)}, ${groups.length} groups. Figures after You et al.,
            <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025). A
            star marks a minority group.
          </p>
          <nav aria-label="Sections">
            ${sections.map(({ id, title: name }) => html`<a href="#${id}">${name}</a> `)}
          </nav>
        </header>
        <main>
          ${sections.map(
            ({ id, title: name, body }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title">${name}</h2>
                ${body}
              </section> `,
          )}
        </main>
      </body>
    </html> `.text;
}
