import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import * as z from '../zod.js';
import { forEachCsvRow } from './csv.js';
import { countValues, invalidData, type ReadContext, readSource, type TableRow } from './layout.js';
import { relativePath } from './relativePath.js';
import { type Split, SPLIT_CODES, SPLITS } from './split.js';

/** The name of a dataset's table in its folder, if no other is named. */
export const TABLE_NAME = 'metadata.csv';

const COLUMN_ROLES = ['filename', 'y', 'split', 'a'] as const;
type ColumnRole = (typeof COLUMN_ROLES)[number];

const name = z.string().trim().min(1);
/** The names of the columns of a table. */
const mapping = z.strictObject({ filename: name, y: name, split: name, a: name.exactOptional() });
/** The names of a table's columns: image, class, split and spurious attribute, without which groups are classes. */
export type Columns = Readonly<z.infer<typeof mapping>>;

/** Checks a mapping. */
export const columnsSchema: z.ZodType<Columns> = mapping.superRefine((columns, context) => {
  const message = sharedColumn(columns);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** Waterbirds as released, and the tables that group-DRO writes. */
export const WATERBIRDS_COLUMNS = { filename: 'img_filename', y: 'y', split: 'split', a: 'place' } as const;
/** SubpopBench's `id,filename,split,y,a`. */
export const SUBPOPBENCH_COLUMNS = { filename: 'filename', y: 'y', split: 'split', a: 'a' } as const;

/** A mapping as text. */
export const COLUMNS_EXAMPLE = 'filename=path,y=label,split=fold,a=background';

export function columnsAsText(columns: Columns): string {
  return COLUMN_ROLES.flatMap((role) =>
    columns[role] === undefined ? [] : [`${role}=${columns[role]}`],
  ).join();
}

/**
 * Parses a column mapping such as `filename=path,y=label,split=fold,a=background`. A name with a comma can only be
 * given in dataset.json.
 *
 * @throws SpurmemError `USAGE` naming the part that is wrong, the key that is unknown or the keys that are missing
 */
export function parseColumns(text: string): Columns {
  const refuse = (problem: string) =>
    new SpurmemError('USAGE', `\`columns\` ${problem}.`, {
      parameter: 'columns',
      value: text,
      expected: `a mapping such as ${COLUMNS_EXAMPLE}`,
      advice: [`Write it as ${COLUMNS_EXAMPLE}.`],
    });
  const columns: Partial<Record<ColumnRole, string>> = {};
  for (const part of text.split(',')) {
    const [, key = '', column = ''] = /^([^=]*)=(.*)$/.exec(part)?.map((word) => word.trim()) ?? [];
    if (key === '' || column === '') {
      throw refuse(`has the part ${JSON.stringify(part)}, which is not key=column`);
    }
    const role = COLUMN_ROLES.find((known) => known === key);
    if (role === undefined) {
      const nearest = nearestNames(key, COLUMN_ROLES, 1).join('');
      throw refuse(`has the unknown key ${JSON.stringify(key)}; the nearest is ${nearest}`);
    }
    if (columns[role] !== undefined) throw refuse(`names the key ${role} twice`);
    columns[role] = column;
  }
  const lacking = COLUMN_ROLES.filter((role) => role !== 'a' && columns[role] === undefined);
  if (lacking.length > 0) throw refuse(`lacks ${lacking.join(', ')}`);
  const problem = sharedColumn(columns);
  if (problem !== undefined) throw refuse(problem);
  return columns as Columns;
}

/** The problem of a mapping in which two keys name one column. */
function sharedColumn(columns: Partial<Columns>): string | undefined {
  const roles = COLUMN_ROLES.filter((role) => columns[role] !== undefined);
  for (const [i, role] of roles.entries()) {
    const other = roles.slice(0, i).find((earlier) => columns[earlier] === columns[role]);
    if (other !== undefined) return `names ${JSON.stringify(columns[role])} for both ${other} and ${role}`;
  }
  return undefined;
}

/** Words for a split besides its code 0, 1 or 2: its own, Hugging Face's and SubpopBench's. */
const SPLIT_WORDS: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'tr'],
  val: ['val', 'valid', 'validation', 'va'],
  test: ['test', 'te'],
};

interface TableOptions extends Pick<ReadContext, 'targetNames' | 'spuriousNames'> {
  /** By default those of Waterbirds or of SubpopBench, whichever the header has more of. */
  readonly columns: Columns | undefined;
  /** The error of columns that the table lacks. */
  readonly lacking?: (problem: string, nearest: string) => SpurmemError;
  /** Whether the table may have another attribute than dataset.json names. */
  readonly mayHaveOtherAttribute?: boolean;
}

/** Reads a dataset whose table is a CSV file in its folder. Throws `DATASET_NOT_FOUND` without it, and as `parseTable` does. */
export async function readTableSource(root: string, table: string, options: TableOptions) {
  const file = await readSource(join(root, table), 'the table');
  const { columns, rows, ...words } = parseTable(file.path, file.bytes, options);
  const isWaterbirds =
    (isReleasedTable(table, columns) || isDeepStrictEqual(columns, SUBPOPBENCH_COLUMNS)) &&
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

/** Whether a table has the name and the columns of Waterbirds as released. */
export function isReleasedTable(table: string, columns: Columns): boolean {
  return table === TABLE_NAME && isDeepStrictEqual(columns, WATERBIRDS_COLUMNS);
}

/**
 * Reads a table with a header and, in any order and among others, a column each for the image's file, the class, the
 * split (0 train, 1 val, 2 test, or words for them) and the spurious attribute; labels are integers from 0 or words.
 * Quoted values, CRLF, a byte order mark and empty lines are fine. Throws `DATASET_INVALID` naming the file, the line, the
 * column and the value.
 *
 * @returns the rows, the columns, and the words of class and attribute in the order of their numbers, if they are words
 */
function parseTable(table: string, bytes: Uint8Array, options: TableOptions) {
  let header: ReturnType<typeof readHeader> | undefined;
  const images: Omit<TableRow, 'y' | 'a'>[] = [];
  const labels: Record<'y' | 'a', LabelCell[]> = { y: [], a: [] };
  const firstOf = new Map<string, Pick<TableRow, 'split' | 'line'>>();
  forEachCsvRow(table, bytes, (cells, line) => {
    if (header === undefined) {
      header = readHeader(`${table}:${line}`, cells, options);
      return;
    }
    const { columns, positions } = header;
    const cell = (role: ColumnRole): string => cells[positions[role] ?? -1] ?? '';
    const refuse = (role: ColumnRole, problem: string): SpurmemError =>
      invalidData(`${table}:${line}: column ${columns[role] ?? ''}: ${problem}`);
    const filename = relativePath(cell('filename'), (problem) => {
      throw refuse('filename', `${problem}. Name a file inside the dataset's folder.`);
    });
    const split = splitOf(cell('split'));
    if (split === undefined) {
      const words = Object.values(SPLIT_WORDS).flat().join(', ');
      const problem = `${JSON.stringify(cell('split'))} is not a split. Use ${SPLIT_CODES}, or ${words}.`;
      throw refuse('split', problem);
    }
    const first = firstOf.get(filename);
    if (first === undefined) firstOf.set(filename, { split, line });
    else if (first.split !== split) {
      throw invalidData(
        `${table}:${line}: the image ${filename} is in split ${split} and, on line ${first.line}, in split ` +
          `${first.split}: a model would be tested on what it was trained on. Keep it in one split.`,
      );
    }
    images.push({ filename, split, line });
    labels.y.push({ text: cell('y'), line });
    labels.a.push({ text: columns.a === undefined ? '0' : cell('a'), line });
  });
  if (header === undefined) {
    const wanted = Object.values(options.columns ?? WATERBIRDS_COLUMNS).join(', ');
    throw invalidData(`${table}: the table is empty. Write a header with ${wanted}.`);
  }
  if (images.length === 0) {
    throw invalidData(`${table}: the table has a header and no rows. Add a row per image.`);
  }
  const { columns } = header;
  const y = numberLabels({ table, column: columns.y }, labels.y, options.targetNames);
  const named = columns.a === undefined ? undefined : options.spuriousNames;
  const a = numberLabels(
    { table, column: columns.a ?? '' },
    labels.a,
    named,
    options.mayHaveOtherAttribute === true,
  );
  return {
    rows: images.map((image, i): TableRow => ({ ...image, y: y.values[i] ?? 0, a: a.values[i] ?? 0 })),
    columns,
    targetNames: y.names,
    spuriousNames: a.names,
  };
}

function splitOf(text: string): Split | undefined {
  const word = text.trim().toLowerCase();
  return /^\d+$/.test(word)
    ? SPLITS[Number(word)]
    : SPLITS.find((split) => SPLIT_WORDS[split].includes(word));
}

/** The columns to read, and their positions in a row. */
function readHeader(where: string, cells: readonly string[], { columns: given, lacking }: TableOptions) {
  const found = cells.map((cell) => cell.trim());
  const lacks = (columns: Columns) => Object.values(columns).filter((column) => !found.includes(column));
  const isKnown = lacks(SUBPOPBENCH_COLUMNS).length < lacks(WATERBIRDS_COLUMNS).length;
  const columns: Columns = given ?? (isKnown ? SUBPOPBENCH_COLUMNS : WATERBIRDS_COLUMNS);
  const missing = lacks(columns);
  if (missing.length > 0) {
    const problem = `${where}: the table lacks the ${missing.length === 1 ? 'column' : 'columns'} ${missing.join(', ')}`;
    const nearest = missing.map((column) => `${column}: ${nearestNames(column, found).join(', ')}`);
    if (lacking !== undefined) throw lacking(problem, nearest.join('; '));
    const wanted = Object.values(columns).join(', ');
    throw invalidData(
      `${problem}; its header has ${found.join(', ')}.`,
      `Rename or add columns so that it has ${wanted}, or map its own with \`columns\`, which may leave a out: groups are then classes.`,
    );
  }
  const twice = Object.values(columns).filter((one) => found.indexOf(one) !== found.lastIndexOf(one));
  if (twice.length > 0) {
    throw invalidData(`${where}: the header names ${twice.join(', ')} twice. Remove one of them.`);
  }
  const entries = Object.entries(columns).map(([role, column]) => [role, found.indexOf(column)]);
  return { columns, positions: Object.fromEntries(entries) as Partial<Record<ColumnRole, number>> };
}

/** A cell of a column of labels. */
export interface LabelCell {
  readonly text: string;
  /** 1-based line in the table. */
  readonly line: number;
}

/**
 * Numbers a column of labels: non-negative integers stand for themselves, words for their position in `named` or, without
 * it, among the column's words sorted by code units. Throws `DATASET_INVALID` naming the line of a bad cell.
 *
 * @param where the table and column, for messages
 * @param named dataset.json's names in the order of their numbers
 * @param isOtherAllowed whether a column without any of these names is numbered as if there were none
 * @returns the numbers, [cells], and the word of each number, if the column has words
 */
export function numberLabels(
  where: { readonly table: string; readonly column: string },
  cells: readonly LabelCell[],
  named?: readonly string[],
  isOtherAllowed = false,
): { readonly values: Int32Array; readonly names: readonly string[] | undefined } {
  const texts = cells.map(({ text }) => text.trim());
  const refuse = (index: number, problem: string, shown = cells[index]?.text) =>
    invalidData(
      `${where.table}:${cells[index]?.line ?? 0}: column ${where.column}: ${JSON.stringify(shown)} ${problem}.`,
    );
  const check = (isBad: (text: string) => boolean, problem: string): void => {
    const bad = texts.findIndex(isBad);
    if (bad >= 0) throw refuse(bad, problem);
  };
  const isNumber = (text: string): boolean => /^[-+]?\d+(\.\d*)?$/.test(text);
  check((text) => text === '', 'is not a non-negative integer or a word. Give every row a value');
  // A typing error makes one cell differ from all others: the rarer kind is blamed.
  const isNumbers = texts.filter(isNumber).length * 2 >= cells.length;
  const [rare, common] = isNumbers ? ['word', 'numbers'] : ['number', 'words'];
  check(
    (text) => isNumber(text) !== isNumbers,
    `is a ${rare} in a column of ${common}. Use non-negative integers or words, not both`,
  );
  if (isNumbers) {
    const [, most] = RANGES.label;
    check((text) => !/^\d+$/.test(text), 'is not a non-negative integer. Number the values from 0');
    check((text) => Number(text) > most, `is above ${most}. Number the values from 0 without gaps`);
    return { values: Int32Array.from(texts, Number), names: undefined };
  }
  const long = texts.findIndex((text) => text.length > LONGEST_NAME);
  if (long >= 0) {
    const { length } = texts[long] as string;
    const problem = `has ${length} characters. Use words of at most ${LONGEST_NAME}`;
    throw refuse(long, problem, `${texts[long]?.slice(0, 20) ?? ''}...`);
  }
  const isOther = isOtherAllowed && !texts.some((text) => named?.includes(text));
  const names = (isOther ? undefined : named) ?? [...new Set(texts)].sort();
  const numberOf = new Map(names.map((one, index) => [one, index]));
  const unknown = texts.findIndex((text) => !numberOf.has(text));
  if (unknown >= 0) {
    const nearest = nearestNames(texts[unknown] as string, names).join(', ');
    throw refuse(unknown, `is none of the names in dataset.json; the nearest are ${nearest}`);
  }
  return { values: Int32Array.from(texts, (text) => numberOf.get(text) as number), names };
}
