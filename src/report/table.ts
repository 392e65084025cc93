import { html, type Markup } from './markup.js';

/** A column's heading; text columns are aligned left, numbers right. */
export interface Column {
  readonly name: string;
  readonly text?: boolean;
}

/** One row: its heading, and the cells after it. */
export interface Row {
  readonly heading: Markup | string;
  readonly cells: readonly Cell[];
}

/** A cell's content; `own` emphasises it. */
export type Cell = Markup | string | { readonly content: Markup | string; readonly own: boolean };

/**
 * A table with a caption and scoped headings, in a box that scrolls sideways and can be reached by keyboard.
 *
 * @param columns headings; the first one stands above the rows' headings
 */
export function table(
  caption: string,
  columns: readonly Column[],
  rows: readonly Row[],
  footer: readonly Row[] = [],
): Markup {
  const line = (row: Row): Markup =>
    html`<tr>
      <th scope="row">${row.heading}</th>
      ${row.cells.map((cell, at) => data(cell, columns[at + 1]))}
    </tr> `;
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(heading)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(line)}
      </tbody>
      ${
        footer.length > 0
          ? html`<tfoot>
              ${footer.map(line)}
            </tfoot>`
          : undefined
      }
    </table>
  </div> `;
}

/** A table of names and values. */
export function pairs(caption: string, rows: readonly (readonly [string, string])[]): Markup {
  return html`<div>
    <table class="pairs">
      <caption>
        <span>${caption}</span>
      </caption>
      <tbody>
        ${rows.map(
          ([name, value]) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td><code>${value}</code></td>
            </tr> `,
        )}
      </tbody>
    </table>
  </div> `;
}

function heading(column: Column): Markup {
  return column.text === true
    ? html`<th scope="col" class="text">${column.name}</th>`
    : html`<th scope="col">${column.name}</th>`;
}

function data(cell: Cell, column: Column | undefined): Markup {
  const framed = typeof cell === 'object' && 'own' in cell;
  const content = framed ? cell.content : cell;
  if (framed && cell.own) return html`<td class="own">${content}</td>`;
  return column?.text === true ? html`<td class="text">${content}</td>` : html`<td>${content}</td>`;
}
