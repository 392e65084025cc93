import { csvRows, type Row } from '../kit/rows.js';
import type { Figure, FigureParts, FigureSource } from './figure.js';
import { articleName } from './format.js';
import type { Groups } from './groupLabels.js';
import { chartFigure, folded, html, htmlTable, type Markup } from './html/html.js';

interface RowsFigure extends Pick<Figure, 'name' | 'title' | 'beyondArticle' | 'needs' | 'sections'> {
  /** Its CSV and JSON. */
  readonly rows: (source: FigureSource) => readonly Row[];
  /** From the rows of one run, or of several by `overModels`. */
  readonly parts: (rows: readonly Row[], groups: Groups) => FigureParts;
  /** What else a page shows of one run. */
  readonly more?: (source: FigureSource, groups: Groups) => Markup | Promise<Markup>;
}

/** A figure whose charts, tables and claims are made from its rows. */
export function rowsFigure({
  rows,
  parts,
  more,
  ...figure
}: RowsFigure): Figure & Required<Pick<Figure, 'parts'>> {
  const { name, title } = figure;
  return {
    ...figure,
    parts,
    show: (source, groups) => {
      const own = rows(source);
      if (own.length === 0) return undefined;
      const made = parts(own, groups);
      return {
        ...made,
        id: name,
        title: /^(?:fig|table)\d/.test(name) ? `${title} (${articleName(name)})` : title,
        data: { name, rows: csvRows(own) },
        prose: async (drawn) =>
          html`<div class="charts">${made.charts.map((chart) => chartFigure(drawn(chart)))}</div>
            ${made.tables.map((table) => folded(table.caption, htmlTable(table)))}
            ${await more?.(source, groups)}`,
      };
    },
  };
}
