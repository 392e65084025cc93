import { captionOf, type Table } from '../report/table.js';
import { plain } from '../report/text.js';
import { rowTexts } from './textTable.js';

/** A table under its caption, without colours. */
export function markdownOf(table: Table): string {
  const head = table.columns.map(({ name }) => plain(name));
  const rows = [...table.rows, ...(table.footer ?? [])].map(rowTexts);
  const caption = plain(captionOf(table, table.columns));
  return [caption, '', markdown(head, rows), ...(table.notes ?? []).flatMap((note) => ['', note])].join('\n');
}

/** A table of texts in Markdown. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map(escaped).join(' | ')} |`)
    .join('\n');
}

function escaped(cell: string): string {
  return cell.replaceAll('|', '\\|');
}
