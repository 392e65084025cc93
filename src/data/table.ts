import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { type Asked, misasked } from './asked.js';
import { type ColumnRole, type Columns, SUBPOPBENCH_COLUMNS, WATERBIRDS_COLUMNS } from './columns.js';
import { forEachCsvRow } from './csv.js';
import { type LabelCell, numberLabels } from './labels.js';
import { relativePath } from './relativePath.js';
import { type Split, SPLITS } from './split.js';

/** What stands for a split beside its code 0, 1 or 2: its name, Hugging Face's and SubpopBench's. */
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

/** One row of a table. */
export interface TableRow {
  /** Relative to the folder of the images, with `/`, normalized. */
  readonly filename: string;
  readonly y: number;
  readonly a: number;
  readonly split: Split;
  /** 1-based line in the file; the last one of a row whose quoted value spans several. */
  readonly line: number;
}

/** A table's rows, and what they were read by. */
export interface Table {
  readonly rows: readonly TableRow[];
  readonly columns: Columns;
  /** The words of the class column in the order of their numbers; undefined where it has numbers. */
  readonly targetNames: readonly string[] | undefined;
  /** The same of the spurious attribute. */
  readonly spuriousNames: readonly string[] | undefined;
}

/** What a table can be read by. */
export interface TableOptions {
  /** The columns; without them, those of Waterbirds or of SubpopBench, whichever the header has more of. */
  readonly columns?: Asked<Columns> | undefined;
  /** The order of the words of the class column. */
  readonly targetNames?: readonly string[] | undefined;
  /** The order of the words of the spurious attribute. */
  readonly spuriousNames?: readonly string[] | undefined;
  /** Whether the table may have another attribute than the one that is named so. */
  readonly mayHaveOtherAttribute?: boolean | undefined;
}

/** A row whose labels are still text. */
interface RawRow {
  readonly filename: string;
  readonly split: Split;
  readonly line: number;
}

/**
 * Reads a table with a header and, in any order and among others, a column each for the image's file, the class, the
 * split (0 train, 1 val, 2 test, or words for them) and the spurious attribute; labels are integers from 0 or words.
 * Quoted values, CRLF, a byte order mark and empty lines are fine.
 *
 * @param table the file, for messages
 * @throws SpurmemError `DATASET_INVALID` naming the file, the line, the column and the value; `USAGE` when the
 *   caller asked for a column that the table lacks
 */
export function parseTable(table: string, bytes: Uint8Array, options: TableOptions = {}): Table {
  let header: Header | undefined;
  const rows: RawRow[] = [];
  const labels: Record<'y' | 'a', LabelCell[]> = { y: [], a: [] };
  const splitOf = new Map<string, RawRow>();
  forEachCsvRow(table, bytes, (cells, line) => {
    if (header === undefined) {
      header = readHeader(`${table}:${line}`, cells, options.columns);
      return;
    }
    const { columns, position } = header;
    const cell = (role: Exclude<ColumnRole, 'a'>): Cell => ({
      where: `${table}:${line}: column ${columns[role]}: `,
      text: cells[position[role]] ?? '',
    });
    const row: RawRow = { filename: parseFilename(cell('filename')), split: parseSplit(cell('split')), line };
    checkLeak(table, row, splitOf);
    rows.push(row);
    labels.y.push({ text: cell('y').text, line });
    labels.a.push({ text: position.a === undefined ? '0' : (cells[position.a] ?? ''), line });
  });
  if (header === undefined) {
    const wanted = options.columns?.value ?? WATERBIRDS_COLUMNS;
    throw invalid(`${table}: the table is empty. Write a header with ${list(Object.values(wanted))}.`);
  }
  if (rows.length === 0) throw invalid(`${table}: the table has a header and no rows. Add a row per image.`);
  const { columns } = header;
  const y = numberLabels({ table, column: columns.y }, labels.y, {
    order: options.targetNames,
  });
  // Without its column every example has the one value that there is.
  const a =
    columns.a === undefined
      ? numberLabels({ table, column: '' }, labels.a)
      : numberLabels({ table, column: columns.a }, labels.a, {
          order: options.spuriousNames,
          mayBeOther: options.mayHaveOtherAttribute ?? false,
        });
  return {
    rows: rows.map((row, index) => ({ ...row, y: y.values[index] ?? 0, a: a.values[index] ?? 0 })),
    columns,
    targetNames: y.names,
    spuriousNames: a.names,
  };
}

interface Header {
  readonly columns: Columns;
  /** The position of each column in a row. */
  readonly position: Readonly<Record<Exclude<ColumnRole, 'a'>, number>> & { readonly a?: number };
}

function readHeader(where: string, cells: readonly string[], asked: Asked<Columns> | undefined): Header {
  const found = cells.map((name) => name.trim());
  const lacks = (columns: Columns) => Object.values(columns).filter((name) => !found.includes(name));
  const known = lacks(SUBPOPBENCH_COLUMNS).length < lacks(WATERBIRDS_COLUMNS).length;
  const columns: Columns = asked?.value ?? (known ? SUBPOPBENCH_COLUMNS : WATERBIRDS_COLUMNS);
  const missing = lacks(columns);
  if (missing.length > 0) throw lacking(where, found, columns, missing, asked);
  const twice = Object.values(columns).filter((name) => found.indexOf(name) !== found.lastIndexOf(name));
  if (twice.length > 0) throw invalid(`${where}: the header names ${list(twice)} twice. Remove one of them.`);
  const at = (name: string): number => found.indexOf(name);
  return {
    columns,
    position: {
      filename: at(columns.filename),
      y: at(columns.y),
      split: at(columns.split),
      ...(columns.a === undefined ? {} : { a: at(columns.a) }),
    },
  };
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
  return misasked(asked, `${lacks}, which ${asked.by} names. The nearest of its header's: ${nearest}.`, [
    'Name columns that it has.',
  ]);
}

/** An image in two splits would test a model on what it was trained on. */
function checkLeak(table: string, row: RawRow, splitOf: Map<string, RawRow>): void {
  const first = splitOf.get(row.filename);
  if (first === undefined) splitOf.set(row.filename, row);
  else if (first.split !== row.split) {
    throw invalid(
      `${table}:${row.line}: the image ${row.filename} is in split ${row.split} and, on line ${first.line}, in ` +
        `split ${first.split}: a model would be tested on what it was trained on. Keep it in one split.`,
    );
  }
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
  const codes = SPLITS.map((name, code) => `${code} (${name})`).join(', ');
  throw invalid(
    `${where}${JSON.stringify(text)} is not a split. Use ${codes}, or ${list([...SPLIT_WORDS.keys()])}.`,
  );
}

function parseFilename({ where, text }: Cell): string {
  const checked = relativePath(text);
  if ('path' in checked) return checked.path;
  throw invalid(
    `${where}${JSON.stringify(text)} ${checked.problem}. Name a file inside the dataset's folder.`,
  );
}

function list(names: readonly string[]): string {
  return names.join(', ');
}

function invalid(message: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', message);
}
