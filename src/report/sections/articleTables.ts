import { manyNeuronsCharts } from '../charts/traceCharts.js';
import type { MakeSection } from '../figure.js';
import { html } from '../html/markup.js';
import { htmlTable } from '../html/table.js';
import { articleTablesVerdict } from '../verdicts/articleTables.js';
import { chartFigure, folded } from './parts.js';

/** The article's tables, as far as the traces hold them, with Table 3 drawn as well. */
export const articleTablesSection: MakeSection = (report, groups, charts, figures) => {
  const perturbations = new Set(report.traces.map(({ perturbation }) => perturbation)).size;
  const shown = figures
    // With one perturbation it would repeat its figure.
    .filter(({ name }) => name !== 'table11' || perturbations > 1)
    .map((figure) => ({ figure, tables: figure.tables(report, groups) }))
    .filter(({ tables }) => tables.length > 0);
  if (shown.length === 0) return undefined;
  const numbers = shown.map(({ figure }) => figure.name.replace('table', '')).join(', ');
  return {
    id: 'tables',
    title: shown.length === 1 ? `Table ${numbers}` : `Tables ${numbers}`,
    verdict: articleTablesVerdict(report.traces, groups),
    body: html`<p>
        As in the article, each group beside the neurons that were chosen for it. Signed, where the article
        gives sizes.
      </p>
      ${manyNeuronsCharts('table3', 'zero', report.traces, groups).map(({ name }) => chartFigure(charts.get(name)))}
      ${shown.flatMap(({ tables }) => tables.map((table) => folded(table.caption, htmlTable(table))))}`,
  };
};
