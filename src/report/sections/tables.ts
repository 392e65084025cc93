import { ARTICLE_TABLES, articleTable, type ArticleTable } from '../articleTables.js';
import type { Figures } from '../figures.js';
import type { GroupLabel } from '../groups.js';
import { html, type Markup } from '../markup.js';
import type { RunReport } from '../reportData.js';
import { typographic } from '../format.js';
import { table } from '../table.js';
import { chartFigure } from './parts.js';
import type { Section } from './section.js';

/** The article's Tables 3, 11, 13 and 14, as far as the traces hold them, with Table 3 drawn as well. */
export function tableSection(
  report: RunReport,
  groups: readonly GroupLabel[],
  { table3 }: Figures,
): Section | undefined {
  const perturbations = new Set(report.traces.map(({ perturbation }) => perturbation)).size;
  const tables = ARTICLE_TABLES.map((name) => articleTable(name, report.traces, groups))
    .filter((found) => found !== undefined)
    // With one perturbation it would repeat its figure.
    .filter(({ name }) => name !== 'table11' || perturbations > 1);
  if (tables.length === 0) return undefined;
  const numbers = tables.map(({ name }) => name.slice(5)).join(', ');
  return {
    id: 'tables',
    title: tables.length === 1 ? `Table ${numbers}` : `Tables ${numbers}`,
    body: html`<p>
        As in the article, each group beside the neurons that were chosen for it. Signed, where the article
        gives sizes.
      </p>
      ${table3.filter(({ view }) => view.trace.perturbation === 'zero').map(({ chart }) => chartFigure(chart))}
      ${tables.map(folded)}`,
  };
}

function folded({ caption, columns, rows }: ArticleTable): Markup {
  return html`<details>
    <summary>${caption}</summary>
    ${table(
      caption,
      columns.map((name) => ({ name, text: name === 'criterion' })),
      rows.map(([heading = '', ...cells]) => ({ heading, cells: cells.map(typographic) })),
    )}
  </details> `;
}
