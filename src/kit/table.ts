import {
  type Column,
  type ColumnName,
  columnNamed,
  MARK,
  MARKED_P,
  probability,
  written,
} from './columns.js';
import { distinct, groupedBy, numberOf, pick, type Row, select } from './rows.js';

/** A group as charts and tables write it. */
export interface GroupLabel {
  readonly index: number;
  readonly minority: boolean;
  /** The article's notation, minority groups starred: `G2*`. */
  readonly short: string;
  /** The dataset's name of the group. */
  readonly name: string;
  /** Both: `G2* waterbird on land`. */
  readonly full: string;
}

/** A column's heading. */
export interface Heading {
  readonly name: string;
  /** Text stands left, numbers right. */
  readonly text?: boolean;
  /** A sentence about it in the caption. */
  readonly explanation?: string;
  /** Whether a terminal, which is narrow, leaves it out. */
  readonly pageOnly?: boolean;
}

/** A part of a cell: plain text, or something that is set apart. Numbers have ASCII minus signs. */
export type Part =
  | string
  /** A group, its star emphasised. */
  | { readonly kind: 'group'; readonly group: GroupLabel }
  /** A name from the model. */
  | { readonly kind: 'code'; readonly text: string }
  /** Smaller text next to a number. */
  | { readonly kind: 'detail'; readonly text: string }
  /** The whole cell, emphasised. */
  | { readonly kind: 'own'; readonly text: string }
  /** The explanation of a heading, for which a terminal is too narrow. */
  | { readonly kind: 'explanation'; readonly text: string };

/** A cell of a table. */
export type Cell = Part | readonly Part[];

/** A table, for pages and terminals alike. */
export interface Table {
  readonly caption: string;
  readonly columns: readonly Heading[];
  /** The first cell of a row is its heading. */
  readonly rows: readonly (readonly Cell[])[];
  readonly footer?: readonly (readonly Cell[])[];
  /** Lines below it in a terminal; on a page the text around the table says the same. */
  readonly notes?: readonly string[];
}

interface Look {
  readonly caption: string;
  readonly notes?: readonly string[];
  /** How groups are written: `G3*` for a minority group. */
  readonly groupName?: (group: number) => string;
  /** Other decimals than the dictionary's. */
  readonly decimals?: Readonly<Partial<Record<ColumnName, number>>>;
}

interface PivotLook extends Look {
  /** The column of p-values by which cells are marked. */
  readonly mark?: ColumnName;
  /** The text of a row's cell, by default the measure with its interval. */
  readonly write?: (row: Row) => string;
  /** Cells that stand out. */
  readonly isOwn?: (row: Row) => boolean;
  /** A measure of the columns themselves, in a line above: accuracies before anything is perturbed. */
  readonly before?: ColumnName;
}

const groupText = (group: number): string => `G${group}`;

/** A table with a line per row; columns that no row has are left out. None without rows. */
export function list(rows: readonly Row[], columns: readonly ColumnName[], look: Look): Table[] {
  const shown = columns.filter((column) => rows.some((row) => cellText(row, column, look) !== ''));
  const lines = rows.map((row) => shown.map((column) => cellText(row, column, look)));
  return tableOf(
    look,
    shown.map((column) => headingOf(column, look)),
    lines,
  );
}

interface Places {
  readonly down: readonly ColumnName[];
  readonly across: readonly ColumnName[];
  readonly cell: ColumnName;
}

/** A table with a line and a column per combination of settings; cells that no row has are empty. None without rows. */
export function pivot(rows: readonly Row[], { down, across, cell }: Places, look: PivotLook): Table[] {
  const columns = combinationsOf(rows, across).filter((column) => select(rows, column).length > 0);
  const headings = columns.map((column) => ({
    name: across.map((name) => cellText(column, name, look)).join(' '),
  }));
  const lines = groupedBy(rows, down).map((line) => [
    ...down.map((name) => cellText(line[0], name, look)),
    ...columns.map((column): Cell => {
      const [row] = select(line, column);
      const isMarked =
        Number.isFinite(numberOf(row, cell)) &&
        look.mark !== undefined &&
        numberOf(row, look.mark) <= MARKED_P;
      const written = row && look.write ? look.write(row) : cellText(row, cell, look);
      const text = `${written}${isMarked ? ` ${MARK}` : ''}`;
      return row && look.isOwn?.(row) ? { kind: 'own', text } : text;
    }),
  ]);
  const { before } = look;
  const start = before && [
    'before',
    ...down.slice(1).map(() => ''),
    ...columns.map((column) => cellText(select(rows, column)[0], before, look)),
  ];
  const named = [...down.map((name) => headingOf(name, look)), ...headings];
  return tableOf(look, named, lines.length > 0 && start ? [start, ...lines] : lines);
}

function combinationsOf(rows: readonly Row[], columns: readonly string[]): Row[] {
  return columns.reduce<Row[]>(
    (made, name) => made.flatMap((row) => distinct(rows, name).map((value) => ({ ...row, [name]: value }))),
    [{}],
  );
}

function tableOf({ caption, notes = [] }: Look, columns: Table['columns'], rows: Table['rows']): Table[] {
  return rows.length === 0 ? [] : [{ caption, columns, rows, ...(notes.length > 0 ? { notes } : {}) }];
}

function headingOf(name: ColumnName, { groupName = groupText }: Look): Heading {
  const [, group] = /^(?:accuracy|group|testAccuracy)(\d+)$/.exec(name) ?? [];
  const { label, unit } = columnNamed(name);
  return {
    name: group === undefined ? label : groupName(Number(group)),
    ...(unit === undefined ? { text: true } : {}),
  };
}

/** A cell: a setting, a mean with its interval, a p-value, or what else the column's name asks for. Empty if the row has none. */
function cellText(
  row: Row | undefined,
  name: ColumnName,
  { groupName = groupText, decimals = {} }: Look,
): string {
  const { measure, view, ...known } = columnNamed(name);
  const column = { ...known, ...(decimals[name] === undefined ? {} : { decimals: decimals[name] }) };
  const value = row?.[view === 'Values' ? measure : name] ?? null;
  if (row === undefined || value === null) return '';
  if (column.unit === undefined) {
    const isGroup = name === 'group' || name === 'chosenFor';
    return isGroup && typeof value === 'number' ? groupName(value) : String(value);
  }
  if (view === 'Within') return `${value === true ? 'yes' : 'no'}${intervalText(row, name, column)}`;
  if (typeof value !== 'number') return '';
  if (view.startsWith('P')) return probability(value, 4);
  const center = written(value, column, row.unit);
  if (view === 'estimate') return `${center}${intervalText(row, measure, column)}`;
  const each = (row[name] ?? []) as readonly number[];
  return `${center} (${each.map((one) => written(one, column, row.unit)).join(', ')})`;
}

/** ` [-0.27, 0.55]`, or nothing without an interval. */
function intervalText(row: Row, name: string, column: Column): string {
  const ends = pick(row, [`${name}Low`, `${name}High`]);
  const texts = Object.keys(ends).map((end) => numberOf(ends, end));
  return texts.every(Number.isFinite)
    ? ` [${texts.map((end) => written(end, column, row.unit)).join(', ')}]`
    : '';
}

/** The caption, then a sentence for each column that has an explanation. */
export function captionOf({ caption }: Table, columns: readonly Heading[]): string {
  return [caption, ...columns.map(({ explanation }) => explanation ?? '')]
    .filter((text) => text !== '')
    .join(' ');
}

/** A row's heading that names a group. */
export function groupCell(group: GroupLabel): Part {
  return { kind: 'group', group };
}

export function numbers(...names: readonly string[]): Heading[] {
  return names.map((name) => ({ name }));
}

export function texts(...names: readonly string[]): Heading[] {
  return names.map((name) => ({ name, text: true }));
}

export function withDetail(number: string, detail: string): Cell {
  return [number, { kind: 'detail', text: detail }];
}
