import { isAbsolute, posix } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { messageOf, SpurmemError } from '../errors.js';
import { SPLITS } from './split.js';
import type { Split } from './split.js';

/** The columns that are read; any others are ignored. `place` is the spurious attribute a. */
const COLUMNS = ['img_filename', 'y', 'split', 'place'] as const;
type Column = (typeof COLUMNS)[number];

/** Class and attribute numbers beyond this are taken for a wrong column, such as one of ids. */
const MAX_VALUE = 9_999;

/** One row of a table. */
export interface TableRow {
  /** Relative to the dataset's folder, with `/`, normalized. */
  readonly filename: string;
  readonly y: number;
  readonly a: number;
  readonly split: Split;
  /** 1-based line in the file; the last one of a row whose quoted value spans several. */
  readonly line: number;
}

interface CsvRow {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * Reads a table in the Waterbirds layout: a header with the columns img_filename, y, split (0 train, 1 val, 2
 * test) and place, in any order. Quoted values, CRLF, a byte order mark and empty lines are fine.
 *
 * @param table the file, for messages
 * @throws SpurmemError `DATASET_INVALID` naming the file, the line, the column and the value
 */
export function parseTable(table: string, bytes: Buffer): TableRow[] {
  const [header, ...records] = parseCsv(table, bytes);
  if (header === undefined)
    throw invalid(`${table}: the table is empty. Write a header with ${list(COLUMNS)}.`);
  const position = findColumns(table, header);
  if (records.length === 0)
    throw invalid(`${table}: the table has a header and no rows. Add a row per image.`);

  const splitOf = new Map<string, TableRow>();
  return records.map(({ cells, line }) => {
    const cell = (column: Column): Cell => ({
      where: `${table}:${line}`,
      column,
      text: cells[position[column]] ?? '',
    });
    const row: TableRow = {
      filename: parseFilename(cell('img_filename')),
      y: parseNumber(cell('y')),
      a: parseNumber(cell('place')),
      split: parseSplit(cell('split')),
      line,
    };
    const first = splitOf.get(row.filename);
    if (first !== undefined && first.split !== row.split) {
      throw invalid(
        `${table}:${row.line}: the image ${row.filename} is in split ${row.split} and, on line ${first.line}, in ` +
          `split ${first.split}: a model would be tested on what it was trained on. Keep it in one split.`,
      );
    }
    if (first === undefined) splitOf.set(row.filename, row);
    return row;
  });
}

function parseCsv(table: string, bytes: Buffer): CsvRow[] {
  const rows: CsvRow[] = [];
  try {
    parse(bytes, {
      bom: true,
      skip_empty_lines: true,
      on_record: (cells, { lines }) => {
        rows.push({ cells, line: lines });
        return null; // kept here, with its line
      },
    });
    return rows;
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // An unclosed quote swallows the rest of the file: the row that opened it follows the last good one.
    const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED';
    const line = isOpen ? 1 + (rows.at(-1)?.line ?? 0) : Number(error.lines);
    const problem = isOpen ? 'a quote is not closed' : messageOf(error);
    throw new SpurmemError(
      'DATASET_INVALID',
      `${table}:${line}: not a valid CSV row: ${problem}. Correct that row.`,
      { cause: error },
    );
  }
}

function findColumns(table: string, header: CsvRow): Record<Column, number> {
  const found = header.cells.map((name) => name.trim());
  const where = `${table}:${header.line}`;
  const missing = COLUMNS.filter((column) => !found.includes(column));
  if (missing.length > 0) {
    throw invalid(
      `${where}: the table lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${list(missing)}; its header ` +
        `has ${list(found)}. Rename or add columns so that it has ${list(COLUMNS)}.`,
    );
  }
  const twice = COLUMNS.filter((column) => found.indexOf(column) !== found.lastIndexOf(column));
  if (twice.length > 0) throw invalid(`${where}: the header names ${list(twice)} twice. Remove one of them.`);
  return {
    img_filename: found.indexOf('img_filename'),
    y: found.indexOf('y'),
    split: found.indexOf('split'),
    place: found.indexOf('place'),
  };
}

interface Cell {
  readonly where: string;
  readonly column: Column;
  readonly text: string;
}

function parseNumber({ where, column, text }: Cell): number {
  const digits = text.trim();
  if (!/^\d+$/.test(digits)) {
    throw invalid(
      `${where}: column ${column}: ${JSON.stringify(text)} is not a non-negative integer. ` +
        `Number the values from 0.`,
    );
  }
  const value = Number(digits);
  if (value > MAX_VALUE) {
    throw invalid(
      `${where}: column ${column}: ${digits} is above ${MAX_VALUE}. Number the values from 0 without gaps.`,
    );
  }
  return value;
}

function parseSplit(cell: Cell): Split {
  const split = SPLITS[parseNumber(cell)];
  if (split === undefined) {
    const known = SPLITS.map((name, code) => `${code} (${name})`).join(', ');
    throw invalid(`${cell.where}: column split: ${cell.text.trim()} is not a split. Use ${known}.`);
  }
  return split;
}

function parseFilename({ where, column, text }: Cell): string {
  const refuse = (problem: string) =>
    invalid(
      `${where}: column ${column}: ${JSON.stringify(text)} ${problem}. Name a file inside the dataset's folder.`,
    );
  if (text.trim() === '' || text.includes('\0')) throw refuse('is not a file name');
  if (isAbsolute(text) || posix.isAbsolute(text)) throw refuse('is an absolute path');
  const filename = posix.normalize(text);
  if (filename === '..' || filename.startsWith('../')) throw refuse("climbs out of the dataset's folder");
  if (filename.endsWith('/') || filename === '.') throw refuse('is a folder');
  return filename;
}

function list(columns: readonly string[]): string {
  return columns.join(', ');
}

function invalid(message: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', message);
}
