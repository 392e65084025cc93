import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import { isCelebAList } from '../celebaLists.js';
import { COLUMNS_EXAMPLE, columnsSchema, parseColumns } from '../columns.js';
import { kindOf } from '../datasetSource.js';
import { type AskedOf, defineLayout, misasked, type ValueNames } from '../layout.js';
import { pathBelow } from '../relativePath.js';
import { isReleasedTable, readTableSource, TABLE_NAME } from '../table.js';

const options = {
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
};

/** Any table: SubpopBench's, or one whose columns are named. It takes every folder, so it is the list's last. */
export const csv = defineLayout({
  name: 'csv',
  description: 'any other CSV file, which `table` and `columns` name',
  options,
  looksLike: () => Promise.resolve(true),
  read,
  fillGroup: ({ group }) => `Add rows of that split for group ${group}, or move some to it.`,
});

async function read(root: string, asked: AskedOf<typeof options>, names: ValueNames) {
  const table = asked.table?.value ?? (await findTable(root));
  if (asked.table !== undefined && (await kindOf(join(root, table))) === undefined) {
    const nearest = nearestNames(table, await csvFiles(root));
    throw misasked(
      asked.table,
      `${join(root, table)}: the table that ${asked.table.by} names is missing.`,
      nearest.length === 0 ? 'The folder has no CSV file.' : `The folder has ${nearest.join(', ')}.`,
    );
  }
  // dataset.json names the attribute of the table that the folder is read by where no other is asked for.
  const mayHaveOtherAttribute = asked.table?.code === 'USAGE' && table !== TABLE_NAME;
  const how = { ...names, columns: asked.columns, mayHaveOtherAttribute };
  const { columns, ...source } = await readTableSource(root, table, how);
  // A table that turns out to be in Waterbirds' layout is named so.
  const choices = isReleasedTable(table, columns)
    ? ({ format: 'waterbirds' } as const)
    : ({ format: 'csv', table, columns } as const);
  return { ...source, options: choices };
}

/** metadata.csv or, without it, the folder's only CSV file, such as SubpopBench's metadata_waterbirds.csv. */
async function findTable(root: string): Promise<string> {
  if ((await kindOf(join(root, TABLE_NAME))) !== undefined) return TABLE_NAME;
  const [only, ...others] = await csvFiles(root);
  if (others.length === 0) return only ?? TABLE_NAME;
  throw new SpurmemError(
    'DATASET_NOT_FOUND',
    `${join(root, TABLE_NAME)}: the table is missing, and the folder has several others: ` +
      `${[only, ...others].join(', ')}.`,
    { parameter: 'table', advice: ['Name one with `table`.'] },
  );
}

/** The folder's tables by name, CelebA's lists left out; none where the folder cannot be listed. */
async function csvFiles(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => /\.csv$/i.test(name) && !isCelebAList(name)).sort();
}
