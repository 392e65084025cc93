import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { firstCsvRow } from '../csv.js';
import { defineLayout, kindOf, readSource } from '../layout.js';
import { pathBelow } from '../relativePath.js';
import { SPLITS } from '../split.js';
import {
  COLUMNS_EXAMPLE,
  columnsSchema,
  isReleasedTable,
  parseColumns,
  readTableSource,
  TABLE_NAME,
  WATERBIRDS_COLUMNS,
} from '../table.js';
import { isCelebAList } from './celeba.js';

/** Waterbirds as released, and any dataset in its layout. */
export const waterbirds = defineLayout({
  name: 'waterbirds',
  description: `a table ${TABLE_NAME} with the columns img_filename, y, split (0 train, 1 val, 2 test) and place`,
  options: {},
  async looksLike(root) {
    const table = await readSource(join(root, TABLE_NAME), 'the table').catch(() => undefined);
    const header = table === undefined ? [] : firstCsvRow(table.bytes).map((name) => name.trim());
    return Object.values(WATERBIRDS_COLUMNS).every((name) => header.includes(name));
  },
  async read(root, _options, names) {
    const source = await readTableSource(root, TABLE_NAME, { ...names, columns: WATERBIRDS_COLUMNS });
    return { ...source, options: { format: 'waterbirds' as const } };
  },
  fillGroup: ({ split, group, y, a }) =>
    `Add rows with split ${SPLITS.indexOf(split)}, for group ${group} with y ${y} and place ${a}.`,
});

/** Any table: SubpopBench's, or one whose columns are named. It takes every folder, so it is the list's last. */
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
  async read(root, { table: given, columns: wanted }, { originOf, ...names }) {
    const table = given ?? (await findTable(root));
    if (given !== undefined && (await kindOf(join(root, table))) === undefined) {
      const { error, name } = originOf('table');
      const nearest = nearestNames(table, await csvFiles(root));
      throw error(
        `${join(root, table)}: the table that ${name} names is missing.`,
        nearest.length === 0 ? 'The folder has no CSV file.' : `The folder has ${nearest.join(', ')}.`,
      );
    }
    const lacking = (problem: string, nearest: string): SpurmemError => {
      const { error, name } = originOf('columns');
      const whole = `${problem}, which ${name} names. The nearest of its header's: ${nearest}.`;
      return error(whole, 'Name columns that it has.');
    };
    const { columns, ...source } = await readTableSource(root, table, {
      ...names,
      columns: wanted,
      ...(wanted === undefined ? {} : { lacking }),
      // dataset.json names the attribute of the table that is read by default.
      mayHaveOtherAttribute: given !== undefined && originOf('table').isCaller && table !== TABLE_NAME,
    });
    // A table that turns out to be in Waterbirds' layout is named so.
    const options = isReleasedTable(table, columns)
      ? ({ format: 'waterbirds' } as const)
      : ({ format: 'csv', table, columns } as const);
    return { ...source, options };
  },
  fillGroup: ({ group }) => `Add rows of that split for group ${group}, or move some to it.`,
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
  return names.filter((name) => /\.csv$/i.test(name) && !isCelebAList(name)).sort();
}
