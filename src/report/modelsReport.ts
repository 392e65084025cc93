import { join } from 'node:path';
import { writeAtomic } from '../files.js';
import { modelsCharts } from './charts/modelDots.js';
import { renderChart } from './charts/render.js';
import { articleName } from './format.js';
import { html } from './html/markup.js';
import { htmlPage } from './html/page.js';
import { htmlTable } from './html/table.js';
import type { RowOverModels } from '../experiments/overModels.js';
import { overModelsRow } from './tables/overModels.js';
import { modelsVerdict } from './verdicts/models.js';
import { groupLabels, type NamedGroups } from './views/groupLabels.js';
import { chartFigure } from './sections/parts.js';
import type { Table } from './tables/table.js';

/** Writes `report.html` of figures over models. Returns its path. Throws `OUTPUT_UNWRITABLE`. */
export async function writeModelsReport(
  folder: string,
  figures: readonly {
    readonly kind: string;
    readonly title: string;
    readonly rows: readonly RowOverModels[];
    readonly tables: readonly Table[];
  }[],
  data: NamedGroups,
): Promise<string> {
  const path = join(folder, 'report.html');
  const lead = html`Figures and tables after You et al.,
    <cite>Uncovering memorization effect in the presence of spurious correlations</cite> (2025), with trained
    models as replicates. Each model has a report of its own in its folder.`;
  const groups = groupLabels(data);
  const sections = await Promise.all(
    figures.map(async ({ kind, title, rows, tables }) => {
      const charts = await Promise.all(modelsCharts(kind, rows, groups).map(renderChart));
      return {
        id: kind,
        title: `${title} (${articleName(kind)})`,
        verdict: modelsVerdict(rows),
        data: [{ name: kind, rows: rows.map(overModelsRow) }],
        body: html`${charts.length === 0 ? undefined : html`<div class="charts">${charts.map(chartFigure)}</div>`}
        ${tables.map(htmlTable)}`,
      };
    }),
  );
  await writeAtomic(path, htmlPage('Part I over models', lead, sections));
  return path;
}
