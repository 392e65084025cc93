import CliTable from 'cli-table3';
import { captionOf, type Cell, type Part, type Table } from '../report/table.js';
import { escapeMarkdown, plain } from '../report/text.js';

/** How tables are printed. */
export interface TextOptions {
  /** Whether the output is a terminal that shows colours; otherwise the text holds no escape codes. */
  readonly color: boolean;
}

/** Tables for the terminal, one below the other. */
export function textTables(tables: readonly Table[], options: TextOptions): string {
  return tables.map((table) => textTable(table, options)).join('\n');
}

/** A table for the terminal, under its caption and above its notes. */
export function textTable(table: Table, { color }: TextOptions): string {
  const shown = <Item>(items: readonly Item[]): Item[] =>
    items.filter((_, at) => table.columns[at]?.pageOnly !== true);
  const columns = shown(table.columns);
  const printed = new CliTable({
    head: columns.map(({ name }) => (color ? bold(plain(name)) : plain(name))),
    colAligns: columns.map(({ text }, at) => (at === 0 || text === true ? 'left' : 'right')),
    // The library's own colours do not ask whether the output is a terminal.
    style: { head: [], border: [], compact: true },
  });
  for (const row of rowsOf(table)) printed.push(shown(row).map((cell) => cellText(cell, color)));
  return [plain(captionOf(table, columns)), printed.toString(), ...(table.notes ?? [])].join('\n');
}

/** A table in Markdown, under its caption and above its notes. */
export function markdownOf(table: Table): string {
  const head = table.columns.map(({ name }) => escapeMarkdown(plain(name)));
  const rows = rowsOf(table).map((row) => row.map((cell) => escapeMarkdown(cellText(cell, false))));
  const caption = escapeMarkdown(plain(captionOf(table, table.columns)));
  return [caption, '', markdown(head, rows), ...(table.notes ?? []).flatMap((note) => ['', note])].join('\n');
}

/** A table of Markdown texts. */
export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

function rowsOf({ rows, footer = [] }: Table): readonly (readonly Cell[])[] {
  return [...rows, ...footer];
}

function cellText(cell: Cell, color: boolean): string {
  if (!isList(cell)) return partText(cell, color);
  return cell
    .map((part) => partText(part, color))
    .filter((text) => text !== '')
    .join(' ');
}

function isList(cell: Cell): cell is readonly Part[] {
  return Array.isArray(cell);
}

function partText(part: Part, color: boolean): string {
  if (typeof part === 'string') return plain(part);
  switch (part.kind) {
    case 'group':
      return color && part.group.minority ? yellow(part.group.full) : part.group.full;
    case 'own':
      return color ? bold(plain(part.text)) : plain(part.text);
    case 'explanation':
      return '';
    case 'list':
      return part.items.map(([name, value]) => plain(`${name} ${value}`)).join('\n');
    case 'code':
    case 'link':
    case 'detail':
      return plain(part.text);
  }
}

function bold(text: string): string {
  return `\u001b[1m${text}\u001b[22m`;
}

function yellow(text: string): string {
  return `\u001b[33m${text}\u001b[39m`;
}
