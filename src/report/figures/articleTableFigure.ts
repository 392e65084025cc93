import type { Figure, TraceNeed } from '../figure.js';
import { articleTablesSection } from '../sections/articleTables.js';
import { neuronSection } from '../sections/neurons.js';
import { articleTable, type ArticleTable } from '../tables/article.js';
import { traceFigure } from './traceFigure.js';

/** One of the article's tables: its rows are those of its traces. */
export function articleTableFigure(
  table: ArticleTable,
  { title, traces }: { readonly title: string; readonly traces: readonly TraceNeed[] },
): Figure {
  return {
    name: table.name,
    title,
    needs: { traces },
    rows: traceFigure.rows,
    tables: ({ traces: made }, groups) => {
      const filled = articleTable(table, made, groups);
      return filled ? [filled] : [];
    },
    sections: [articleTablesSection, neuronSection],
  };
}
