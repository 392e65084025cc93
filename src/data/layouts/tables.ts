import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import * as z from '../../zod.js';
import { describeIssues } from '../issues.js';
import { badOption, defineLayout, type Row } from '../layout.js';
import { csvHeader, invalidData, kindOf, pathBelow, readCsv, readSource } from '../sourceFile.js';
import { type Split, SPLIT_CODES, SPLITS } from '../split.js';

/** The name of a dataset's table in its folder, if no other is named. */
export const TABLE_NAME = 'metadata.csv';
/** Lists of CelebA, which are no tables of examples. */
const CELEBA_LIST = /^list_(?:\w+_celeba|eval_partition)\.csv$/;

const COLUMN_ROLES = ['filename', 'y', 'split', 'a'] as const;
type ColumnRole = (typeof COLUMN_ROLES)[number];

const name = z.string({ error: 'no column is named' }).trim().min(1, { error: 'no column is named' });
/**
 * The names of a table's columns: image, class, split and spurious attribute. Without a split all images are training images; without an
 * attribute groups are classes.
 */
const columnsSchema = z
  .strictObject({ filename: name, y: name, split: name.exactOptional(), a: name.exactOptional() })
  .superRefine((columns, context) => {
    const names = Object.values(columns);
    const shared = names.find((column, i) => names.indexOf(column) !== i);
    if (shared === undefined) return;
    const roles = COLUMN_ROLES.filter((role) => columns[role] === shared).join(' and ');
    context.addIssue({ code: 'custom', message: `names ${JSON.stringify(shared)} for both ${roles}` });
  });
/** The names of a table's columns by their roles. */
export type Columns = Readonly<z.infer<typeof columnsSchema>>;

/** Waterbirds as released, and the tables that group-DRO writes. */
const WATERBIRDS_COLUMNS: Columns = { filename: 'img_filename', y: 'y', split: 'split', a: 'place' };
/** SubpopBench's `id,filename,split,y,a`. */
const SUBPOPBENCH_COLUMNS = { filename: 'filename', y: 'y', split: 'split', a: 'a' } as const;

/** A mapping as text. */
const COLUMNS_EXAMPLE = 'filename=path,y=label,split=fold,a=background';

export function columnsAsText(columns: Columns): string {
  return COLUMN_ROLES.flatMap((role) =>
    columns[role] === undefined ? [] : [`${role}=${columns[role]}`],
  ).join();
}

/**
 * Parses a column mapping such as `filename=path,y=label,split=fold,a=background`. A name with a comma can only be
 * given in dataset.json. Throws `USAGE` naming what is wrong.
 */
export function parseColumns(text: string): Columns {
  const pairs = text.split(',').map((part) => {
    const [, role = part, column = ''] = /^([^=]*)=(.*)$/.exec(part) ?? [];
    return [role.trim(), column.trim()] as const;
  });
  const repeated = pairs.find(([role], i) => pairs.findIndex(([other]) => other === role) !== i);
  const parsed = columnsSchema.safeParse(Object.fromEntries(pairs));
  if (parsed.success && !repeated) return parsed.data;
  const problem = repeated
    ? `the key ${repeated[0]} is there twice`
    : describeIssues(parsed.error as z.ZodError);
  throw new SpurmemError('USAGE', `\`columns\`: ${problem}.`, {
    parameter: 'columns',
    value: text,
    expected: `a mapping such as ${COLUMNS_EXAMPLE}`,
    advice: [`Write it as ${COLUMNS_EXAMPLE}.`],
  });
}

/** Words for a split besides its code 0, 1 or 2: its own, Hugging Face's and SubpopBench's. */
const SPLIT_WORDS: Readonly<Record<Split, readonly string[]>> = {
  train: ['train', 'tr'],
  val: ['val', 'valid', 'validation', 'va'],
  test: ['test', 'te'],
};

/** Waterbirds as released, and any dataset in its layout. */
export const waterbirds = defineLayout({
  name: 'waterbirds',
  description: `a table ${TABLE_NAME} with the columns img_filename, y, split (0 train, 1 val, 2 test) and place`,
  options: {},
  async looksLike(root) {
    const table = await readSource(join(root, TABLE_NAME), 'the table').catch(() => undefined);
    const header = table === undefined ? [] : csvHeader(table.bytes);
    return Object.values(WATERBIRDS_COLUMNS).every((column) => header.includes(column));
  },
  async read(root) {
    const { source } = await readTable(root, TABLE_NAME, WATERBIRDS_COLUMNS);
    return { ...source, options: { format: 'waterbirds' as const } };
  },
});

/** Any table: SubpopBench's, or one whose columns are named. It matches every folder, so it is last in the list. */
export const csv = defineLayout({
  name: 'csv',
  description: 'any other CSV file, which `table` and `columns` name',
  options: {
    /** The table's file, relative to the dataset's folder; metadata.csv, or the only .csv file, by default. */
    table: {
      schema: pathBelow('file'),
      help: `CSV: the table in the folder (default: ${TABLE_NAME}, or the only one)`,
      placeholder: 'file',
    },
    /** The table's columns; by default those of Waterbirds or SubpopBench, whichever the header has. */
    columns: {
      schema: columnsSchema,
      help: `CSV: its columns, such as ${COLUMNS_EXAMPLE}`,
      placeholder: 'mapping',
      parse: parseColumns,
    },
  },
  looksLike: () => Promise.resolve(true),
  async read(root, given) {
    const table = given.table ?? (await findTable(root));
    if (given.table !== undefined && (await kindOf(join(root, table))) === undefined) {
      const nearest = nearestNames(table, await csvFiles(root)).join(', ');
      const problem = `${join(root, table)}: the table that \`table\` names is missing.`;
      throw badOption('table', table, problem, `The folder has ${nearest === '' ? 'no CSV file' : nearest}.`);
    }
    const { columns, source } = await readTable(root, table, given.columns);
    // A table that turns out to be in Waterbirds' layout is named so.
    const isReleased = table === TABLE_NAME && isDeepStrictEqual(columns, WATERBIRDS_COLUMNS);
    const options = isReleased
      ? ({ format: 'waterbirds' } as const)
      : ({ format: 'csv', table, columns } as const);
    return { ...source, options };
  },
});

/** metadata.csv or, without it, the folder's only CSV file, such as SubpopBench's metadata_waterbirds.csv. */
async function findTable(root: string): Promise<string> {
  if ((await kindOf(join(root, TABLE_NAME))) !== undefined) return TABLE_NAME;
  const found = await csvFiles(root);
  if (found.length <= 1) return found[0] ?? TABLE_NAME;
  const problem = `${join(root, TABLE_NAME)}: the table is missing, and the folder has several others: ${found.join(', ')}.`;
  throw new SpurmemError('DATASET_NOT_FOUND', problem, {
    parameter: 'table',
    advice: ['Name one with `table`.'],
  });
}

/** The folder's tables by name, without CelebA's lists; none if the folder cannot be listed. */
async function csvFiles(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((file) => /\.csv$/i.test(file) && !CELEBA_LIST.test(file)).sort();
}

/**
 * Reads a table with a header and, in any order and among others, a column each for the image's file, the class, the
 * split (0 train, 1 val, 2 test, or words for them) and the spurious attribute. Throws `DATASET_NOT_FOUND` without the file,
 * `DATASET_INVALID` naming the line, the column and the value, and `badOption` for given columns that the table lacks.
 *
 * @param given default: the columns of Waterbirds or of SubpopBench, whichever the header has more of
 */
async function readTable(root: string, table: string, given: Columns | undefined) {
  const file = await readSource(join(root, table), 'the table');
  const rows: Row[] = [];
  let columns = given ?? WATERBIRDS_COLUMNS;
  readCsv(file, (header, headerLine) => {
    const found = header.map((cell) => cell.trim());
    columns = given ?? knownColumns(found);
    requireColumns(`${file.path}:${headerLine}`, found, columns, given !== undefined);
    const positionOf = (role: ColumnRole): number => found.indexOf(columns[role] ?? '');
    const [filename, y, split, a] = COLUMN_ROLES.map(positionOf) as [number, number, number, number];
    return (cells, line) => {
      const cell = (position: number): string => cells[position] ?? '';
      rows.push({
        filename: cell(filename),
        y: cell(y),
        a: columns.a === undefined ? '0' : cell(a),
        split:
          columns.split === undefined
            ? 'train'
            : splitOf(cell(split), `${file.path}:${line}: column ${columns.split}`),
        line,
      });
    };
  });
  const isKnown = [WATERBIRDS_COLUMNS, SUBPOPBENCH_COLUMNS].some((one) => isDeepStrictEqual(one, columns));
  const areWaterbirds = isKnown && /waterbird/i.test(basename(root));
  const labelsOf = (column: string, ...names: readonly string[]) => ({
    name: `column ${column}`,
    names: areWaterbirds ? names : undefined,
  });
  const source = {
    files: [file] as const,
    rows,
    images: '.',
    filename: `column ${columns.filename}`,
    labels: {
      y: labelsOf(columns.y, 'landbird', 'waterbird'),
      a: columns.a === undefined ? undefined : labelsOf(columns.a, 'land', 'water'),
    },
  };
  return { columns, source };
}

function knownColumns(header: readonly string[]): Columns {
  const lacks = (columns: Columns) =>
    Object.values(columns).filter((column) => !header.includes(column)).length;
  return lacks(SUBPOPBENCH_COLUMNS) < lacks(WATERBIRDS_COLUMNS) ? SUBPOPBENCH_COLUMNS : WATERBIRDS_COLUMNS;
}

function requireColumns(place: string, header: readonly string[], columns: Columns, areGiven: boolean): void {
  const wanted = Object.values(columns);
  const missing = wanted.filter((column) => !header.includes(column));
  if (missing.length > 0) {
    const lacking = `the table lacks ${missing.length === 1 ? 'the column' : 'the columns'} ${missing.join(', ')}`;
    const problem = `${place}: ${lacking}${areGiven ? ', which `columns` names' : ''}; its header has ${header.join(', ')}.`;
    if (areGiven) throw badOption('columns', columns, problem, 'Name columns that it has.');
    throw invalidData(
      problem,
      `Rename or add columns so that it has ${wanted.join(', ')}, or map its own with \`columns\`${proposed(header)}, which may leave out a (groups are then classes) and split (with \`heldOut\`).`,
    );
  }
  const twice = wanted.filter((one) => header.indexOf(one) !== header.lastIndexOf(one));
  if (twice.length === 0) return;
  throw invalidData(`${place}: the header names ${twice.join(', ')} twice. Remove one of them.`);
}

/** Columns whose names look like an image, a class and a split: ` (here perhaps filename=path,y=label)`. */
function proposed(header: readonly string[]): string {
  const like = (pattern: RegExp): string | undefined => header.find((name) => pattern.test(name));
  const [filename, y] = [like(/path|file|image|img/i), like(/label|class|target|^y$/i)];
  const split = like(/split|fold|partition|^set$/i);
  if (filename === undefined || y === undefined) return '';
  return ` (here perhaps filename=${filename},y=${y}${split === undefined ? '' : `,split=${split}`})`;
}

function splitOf(text: string, place: string): Split {
  const word = text.trim().toLowerCase();
  const split = /^\d+$/.test(word)
    ? SPLITS[Number(word)]
    : SPLITS.find((one) => SPLIT_WORDS[one].includes(word));
  if (split !== undefined) return split;
  const words = Object.values(SPLIT_WORDS).flat().join(', ');
  throw invalidData(`${place}: ${JSON.stringify(text)} is not a split. Use ${SPLIT_CODES}, or ${words}.`);
}
