import { stripVTControlCharacters } from 'node:util';
import CliTable from 'cli-table3';
import { captionOf, type Cell, type Part, type Table } from '../kit/table.js';
import { escapeMarkdown, plain, wrap } from '../report/text.js';

/** How tables are printed. */
interface TextOptions {
  /** Whether the output is a terminal that shows colours; otherwise the text holds no escape codes. */
  readonly color: boolean;
  /** Max columns of a line. */
  readonly width: number;
}

/** Longer texts are wrapped if the table is too wide. */
const LONG = 40;

/** Returns tables for the terminal, one below the other. */
export function textTables(tables: readonly Table[], options: TextOptions): string {
  return tables.map((table) => textTable(table, options)).join('\n');
}

/** Wraps prose to the terminal's width. */
export function prose(lines: readonly string[], { width }: TextOptions): string[] {
  return lines
    .flatMap((text) => text.split('\n'))
    .flatMap((line) => {
      if (line.length <= width) return [line];
      const [indent = ''] = /^ */.exec(line) ?? [];
      return wrap(line.trim(), width - indent.length - 2).map(
        (part, at) => `${indent}${at === 0 ? '' : '  '}${part}`,
      );
    });
}

/**
 * Returns a table for the terminal, under its caption and above its notes. Columns that do not fit follow in another table below it, after
 * the text columns that begin every row.
 */
export function textTable(table: Table, options: TextOptions): string {
  const { color, width } = options;
  const shown = <Item>(items: readonly Item[]): Item[] =>
    items.filter((_, at) => table.columns[at]?.pageOnly !== true);
  const columns = shown(table.columns);
  const rows = rowsOf(table).map((row) => shown(row).map((cell) => cellText(cell, color)));
  const heads = columns.map(({ name }) => plain(name));
  const total = sum(widthsOf([heads, ...rows]));
  const fitted =
    total <= width
      ? rows
      : rows.map((row) =>
          row.map((text, at) => (columns[at]?.text === true ? wrap(text, LONG).join('\n') : text)),
        );
  const widths = widthsOf([heads, ...fitted]);
  const isText = columns.map(({ text }, at) => at === 0 || text === true);
  const title = plain(captionOf(table, columns));
  const printed = folds(widths, isText, width).flatMap((part, at) => {
    const of = <Item>(items: readonly Item[]): Item[] => part.map((at) => items[at] as Item);
    const one = new CliTable({
      head: of(heads).map((name) => (color ? bold(name) : name)),
      colAligns: of(isText).map((isLeft) => (isLeft ? 'left' : 'right')),
      // The library's own colours do not check whether the output is a terminal.
      style: { head: [], border: [], compact: true },
    });
    for (const row of fitted) one.push(of(row));
    return [at === 0 ? title : `${title.replace(/\. .*|[.]$/s, '')}, continued`, one.toString()];
  });
  const notes = prose(table.notes ?? [], options);
  return [...printed.flatMap((text, i) => (i % 2 === 0 ? prose([text], options) : [text])), ...notes].join(
    '\n',
  );
}

/** Returns the width of each column with its margin, [columns]. */
function widthsOf(rows: readonly (readonly string[])[]): number[] {
  return (rows[0] ?? []).map((_, at) => {
    const lines = rows.flatMap((row) => stripVTControlCharacters(row[at] ?? '').split('\n'));
    return lines.reduce((widest, { length }) => Math.max(widest, length), 0) + 3;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 1);
}

/** Returns the columns of each part of a table: the leading text columns, and as many others as fit. */
function folds(widths: readonly number[], isText: readonly boolean[], width: number): number[][] {
  const all = [...widths.keys()];
  if (sum(widths) <= width) return [all];
  const widthOf = (part: readonly number[]): number => sum(part.map((at) => widths[at] ?? 0));
  // At least one; -1 where all are text.
  const numbersFrom = Math.max(1, isText.indexOf(false));
  const keys = all.slice(0, numbersFrom).filter((at) => widthOf(all.slice(0, at + 1)) <= (2 * width) / 3);
  const others = all.slice(keys.length);
  const filled = (most: number): number[][] => {
    const parts: number[][] = [];
    for (const at of others) {
      const last = parts.at(-1);
      if (last && last.length < most && widthOf([...keys, ...last, at]) <= width) last.push(at);
      else parts.push([at]);
    }
    return parts;
  };
  // About as many columns in each part, if that takes no more parts.
  const parts = filled(Infinity);
  const even = filled(Math.ceil(others.length / parts.length));
  return (even.length > parts.length ? parts : even).map((part) => [...keys, ...part]);
}

/** Returns a table in Markdown, under its caption and above its notes. */
export function markdownOf(table: Table): string {
  const head = table.columns.map(({ name }) => escapeMarkdown(plain(name)));
  const rows = rowsOf(table).map((row) => row.map((cell) => escapeMarkdown(cellText(cell, false))));
  const caption = escapeMarkdown(plain(captionOf(table, table.columns)));
  return [caption, '', markdown(head, rows), ...(table.notes ?? []).flatMap((note) => ['', note])].join('\n');
}

/** Returns a Markdown table of Markdown texts. */
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
    case 'code':
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
