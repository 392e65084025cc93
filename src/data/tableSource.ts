import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SUBPOPBENCH_COLUMNS, WATERBIRDS_COLUMNS } from './columns.js';
import { countValues, type DatasetSource, readSource } from './datasetSource.js';
import type { ValueNames } from './layout.js';
import { parseTable, type Table, type TableOptions } from './table.js';

/** The name of a dataset's table in its folder, where no other is named. */
export const TABLE_NAME = 'metadata.csv';

/** What a table tells of a dataset, but for the options that led to it. */
interface TableSource extends Omit<DatasetSource<never>, 'options'> {
  readonly columns: Table['columns'];
}

/**
 * Reads a dataset whose table is a CSV file.
 *
 * @param root the dataset's folder
 * @param table relative to it
 * @param names give words in the table their numbers
 * @param mayHaveOtherAttribute whether the table may have another spurious attribute than the one that is named
 * @throws SpurmemError `DATASET_NOT_FOUND` without the table, and what `parseTable` throws
 */
export async function readTableSource(
  root: string,
  table: string,
  columns: TableOptions['columns'],
  { targetNames, spuriousNames }: ValueNames,
  mayHaveOtherAttribute = false,
): Promise<TableSource> {
  const file = await readSource(join(root, table), 'the table');
  const parsed = parseTable(file.path, file.bytes, {
    columns,
    targetNames,
    spuriousNames,
    mayHaveOtherAttribute,
  });
  const named = isWaterbirds(root, table, parsed)
    ? { targetNames: ['landbird', 'waterbird'], spuriousNames: ['land', 'water'] }
    : parsed;
  return {
    columns: parsed.columns,
    files: [file],
    rows: parsed.rows,
    images: '.',
    labels: {
      y: `column ${parsed.columns.y}`,
      ...(parsed.columns.a === undefined ? {} : { a: `column ${parsed.columns.a}` }),
    },
    targetNames: named.targetNames,
    spuriousNames: named.spuriousNames,
    hasOtherAttribute: parsed.spuriousNames !== undefined && parsed.spuriousNames !== spuriousNames,
  };
}

/** Whether a table has the place and the columns of Waterbirds as released. */
export function isReleasedTable(table: string, columns: Table['columns']): boolean {
  return table === TABLE_NAME && isDeepStrictEqual(columns, WATERBIRDS_COLUMNS);
}

/** Whether it is the released Waterbirds, also in SubpopBench's table, going by the folder's name. */
function isWaterbirds(root: string, table: string, parsed: Table): boolean {
  return (
    (isReleasedTable(table, parsed.columns) || isDeepStrictEqual(parsed.columns, SUBPOPBENCH_COLUMNS)) &&
    /waterbird/i.test(basename(root)) &&
    parsed.targetNames === undefined &&
    parsed.spuriousNames === undefined &&
    countValues(parsed.rows, 'y') <= 2 &&
    countValues(parsed.rows, 'a') <= 2
  );
}
