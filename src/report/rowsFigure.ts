import { csvRows, type Row } from '../kit/rows.js';
import type { Drawn, Figure, FigureParts, FigureSource, Section } from './figure.js';
import { articleName } from './format.js';
import type { Groups } from './groupLabels.js';
import { chartFigure, foldedTable, html, type Markup } from './html/html.js';

interface RowsFigure extends Pick<Figure, 'name' | 'title' | 'beyondArticle' | 'needs'> {
  /** Its CSV and JSON. */
  readonly rows: (source: FigureSource) => readonly Row[];
  /** From the rows of one run, or of several by `overModels`. */
  readonly parts: (rows: readonly Row[], groups: Groups) => FigureParts;
  /** What else a page shows of one run. */
  readonly more?: (source: FigureSource, groups: Groups, rows: readonly Row[]) => Markup | Promise<Markup>;
  /** Whether the report has a section for these rows; default: for any. */
  readonly isOnPage?: (rows: readonly Row[]) => boolean;
  /** Whether other sections of the report have the same rows, so that its own has no file of them. */
  readonly isRepeated?: boolean;
}

/** A figure whose charts, tables and claims are made from its rows. */
export function rowsFigure({
  rows,
  parts,
  more,
  isOnPage = () => true,
  isRepeated = false,
  ...figure
}: RowsFigure): Figure & Required<Pick<Figure, 'parts'>> {
  const { name, title } = figure;
  const sectionOf = (source: FigureSource, groups: Groups, own: readonly Row[]): Section | undefined => {
    if (own.length === 0) return undefined;
    const made = parts(own, groups);
    return {
      ...made,
      id: name,
      title: /^(?:fig|table)\d/.test(name) ? `${title} (${articleName(name)})` : title,
      data: { name, rows: csvRows(own) },
      prose: async (drawn) => html`${partsMarkup(made, drawn)} ${await more?.(source, groups, own)}`,
    };
  };
  return {
    ...figure,
    parts,
    show: (source, groups) => sectionOf(source, groups, rows(source)),
    sections: [
      (source, groups) => {
        const own = rows(source);
        const section = isOnPage(own) ? sectionOf(source, groups, own) : undefined;
        if (!section || !isRepeated) return section;
        const { data: _repeated, ...others } = section;
        return others;
      },
    ],
  };
}

/** A figure's charts, and its tables folded away. */
export function partsMarkup({ charts, tables }: FigureParts, drawn: Drawn): Markup {
  return html`<div class="charts">${charts.map((chart) => chartFigure(drawn(chart)))}</div>
    ${tables.map(foldedTable)}`;
}
