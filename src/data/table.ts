import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { type ColumnRole, type Columns, SUBPOPBENCH_COLUMNS, WATERBIRDS_COLUMNS } from './columns.js';
import { forEachCsvRow } from './csv.js';
import { countValues, readSource, type TableRow } from './datasetSource.js';
import { type LabelCell, numberLabels } from './labels.js';
import { type Asked, misasked, type ValueNames } from './layout.js';
import { relativePath } from './relativePath.js';
import { type Split, SPLIT_CODES, SPLITS } from './split.js';

/** The name of a dataset's table in its folder, where no other is named. */
export const TABLE_NAME = 'metadata.csv';

/** Names of a split beside its code 0, 1 or 2: its own, Hugging Face's and SubpopBench's. */
const SPLIT_WORDS: ReadonlyMap<string, Split> = new Map([
  ['train', 'train'],
  ['tr', 'train'],
  ['val', 'val'],
  ['valid', 'val'],
  ['validation', 'val'],
  ['va', 'val'],
  ['test', 'test'],
  ['te', 'test'],
]);

/** How a table is read. */
interface TableOptions extends ValueNames {
  /** The columns; without them, those of Waterbirds or of SubpopBench, whichever the header has more of. */
  readonly columns: Asked<Columns> | undefined;
  /** Whether the table may have another attribute than the one that is named. */
  readonly mayHaveOtherAttribute?: boolean;
}

/** Reads a dataset whose table is a CSV file in its folder. Throws `DATASET_NOT_FOUND` without it, and as `parseTable` does. */
export async function readTableSource(root: string, name: string, options: TableOptions) {
  const file = await readSource(join(root, name), 'the table');
  const { columns, rows, ...words } = parseTable(file.path, file.bytes, options);
  const isWaterbirds =
    (isReleasedTable(name, columns) || isDeepStrictEqual(columns, SUBPOPBENCH_COLUMNS)) &&
    /waterbird/i.test(basename(root)) &&
    words.targetNames === undefined &&
    words.spuriousNames === undefined &&
    countValues(rows, 'y') <= 2 &&
    countValues(rows, 'a') <= 2;
  return {
    columns,
    files: [file] as const,
    rows,
    images: '.',
    labels: { y: `column ${columns.y}`, ...(columns.a === undefined ? {} : { a: `column ${columns.a}` }) },
    ...(isWaterbirds ? { targetNames: ['landbird', 'waterbird'], spuriousNames: ['land', 'water'] } : words),
    hasOtherAttribute: words.spuriousNames !== undefined && words.spuriousNames !== options.spuriousNames,
  };
}

/** Whether a table has the place and the columns of Waterbirds as released. */
export function isReleasedTable(name: string, columns: Columns): boolean {
  return name === TABLE_NAME && isDeepStrictEqual(columns, WATERBIRDS_COLUMNS);
}

/**
 * Reads a table with a header and, in any order and among others, a column each for the image's file, the class, the
 * split (0 train, 1 val, 2 test, or words for them) and the spurious attribute; labels are integers from 0 or words.
 * Quoted values, CRLF, a byte order mark and empty lines are fine. Throws `DATASET_INVALID` naming the file, the line, the
 * column and the value; `USAGE` when the caller asked for a column that the table lacks.
 *
 * @returns the rows, the columns, and the words of class and attribute in the order of their numbers, where they have words
 */
function parseTable(table: string, bytes: Uint8Array, options: TableOptions) {
  let header: Header | undefined;
  const images: Omit<TableRow, 'y' | 'a'>[] = [];
  const labels: Record<'y' | 'a', LabelCell[]> = { y: [], a: [] };
  const firstOf = new Map<string, Pick<TableRow, 'split' | 'line'>>();
  forEachCsvRow(table, bytes, (cells, line) => {
    if (header === undefined) {
      header = readHeader(`${table}:${line}`, cells, options.columns);
      return;
    }
    const { columns, position } = header;
    const cell = (role: ColumnRole): Cell => ({
      where: `${table}:${line}: column ${columns[role] ?? ''}: `,
      text: cells[position[role]] ?? '',
    });
    const image = { filename: parseFilename(cell('filename')), split: parseSplit(cell('split')), line };
    const first = firstOf.get(image.filename);
    if (first === undefined) firstOf.set(image.filename, image);
    else if (first.split !== image.split) {
      throw invalid(
        `${table}:${line}: the image ${image.filename} is in split ${image.split} and, on line ${first.line}, in ` +
          `split ${first.split}: a model would be tested on what it was trained on. Keep it in one split.`,
      );
    }
    images.push(image);
    labels.y.push({ text: cell('y').text, line });
    labels.a.push({ text: columns.a === undefined ? '0' : cell('a').text, line });
  });
  if (header === undefined) {
    const wanted = options.columns?.value ?? WATERBIRDS_COLUMNS;
    throw invalid(`${table}: the table is empty. Write a header with ${list(Object.values(wanted))}.`);
  }
  if (images.length === 0)
    throw invalid(`${table}: the table has a header and no rows. Add a row per image.`);
  const { columns } = header;
  const { targetNames, spuriousNames, mayHaveOtherAttribute } = options;
  const y = numberLabels({ table, column: columns.y }, labels.y, targetNames);
  // Without its column every example has the one value that there is.
  const a =
    columns.a === undefined
      ? numberLabels({ table, column: '' }, labels.a)
      : numberLabels({ table, column: columns.a }, labels.a, spuriousNames, mayHaveOtherAttribute);
  return {
    rows: images.map((image, i): TableRow => ({ ...image, y: y.values[i] ?? 0, a: a.values[i] ?? 0 })),
    columns,
    targetNames: y.names,
    spuriousNames: a.names,
  };
}

type Header = ReturnType<typeof readHeader>;

/** The columns to read, and their positions in a row; -1 without an attribute. */
function readHeader(where: string, cells: readonly string[], asked: Asked<Columns> | undefined) {
  const found = cells.map((name) => name.trim());
  const lacks = (columns: Columns) => Object.values(columns).filter((name) => !found.includes(name));
  const known = lacks(SUBPOPBENCH_COLUMNS).length < lacks(WATERBIRDS_COLUMNS).length;
  const columns: Columns = asked?.value ?? (known ? SUBPOPBENCH_COLUMNS : WATERBIRDS_COLUMNS);
  const missing = lacks(columns);
  if (missing.length > 0) throw lacking(where, found, columns, missing, asked);
  const twice = Object.values(columns).filter((name) => found.indexOf(name) !== found.lastIndexOf(name));
  if (twice.length > 0) throw invalid(`${where}: the header names ${list(twice)} twice. Remove one of them.`);
  const at = (role: ColumnRole): number => (columns[role] === undefined ? -1 : found.indexOf(columns[role]));
  return { columns, position: { filename: at('filename'), y: at('y'), split: at('split'), a: at('a') } };
}

function lacking(
  where: string,
  found: readonly string[],
  columns: Columns,
  missing: readonly string[],
  asked: Asked<Columns> | undefined,
): SpurmemError {
  const lacks = `${where}: the table lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${list(missing)}`;
  if (asked === undefined) {
    return new SpurmemError('DATASET_INVALID', `${lacks}; its header has ${list(found)}.`, {
      advice: [
        `Rename or add columns so that it has ${list(Object.values(columns))}, or map its own with \`columns\`, which may leave a out: groups are then classes.`,
      ],
    });
  }
  const nearest = missing.map((name) => `${name}: ${list(nearestNames(name, found))}`).join('; ');
  return misasked(
    asked,
    `${lacks}, which ${asked.by} names. The nearest of its header's: ${nearest}.`,
    'Name columns that it has.',
  );
}

/** A cell of a table. */
export interface Cell {
  /** Begins a message. */
  readonly where: string;
  readonly text: string;
}

/** A split from its number or a word for it. Throws `DATASET_INVALID`. */
export function parseSplit({ where, text }: Cell): Split {
  const word = text.trim().toLowerCase();
  const split = /^\d+$/.test(word) ? SPLITS[Number(word)] : SPLIT_WORDS.get(word);
  if (split !== undefined) return split;
  const words = list([...SPLIT_WORDS.keys()]);
  throw invalid(`${where}${JSON.stringify(text)} is not a split. Use ${SPLIT_CODES}, or ${words}.`);
}

function parseFilename({ where, text }: Cell): string {
  return relativePath(text, (problem) => {
    throw invalid(`${where}${problem}. Name a file inside the dataset's folder.`);
  });
}

function list(names: readonly string[]): string {
  return names.join(', ');
}

function invalid(message: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', message);
}
