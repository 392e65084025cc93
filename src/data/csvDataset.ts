import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { SpurmemError } from '../errors.js';
import { isCelebAList } from './celeba.js';
import { WATERBIRDS_COLUMNS } from './columns.js';
import type { DatasetRequest, ResolvedOptions } from './datasetOptions.js';
import { kindOf, LAYOUTS, readSource } from './datasetSource.js';
import type { DatasetSource } from './datasetSource.js';
import { nearestNames } from './nearest.js';
import { parseTable } from './table.js';
import type { TableOptions } from './table.js';

/** The name of a dataset's table in its folder, where no other is named. */
export const TABLE_NAME = 'metadata.csv';

/**
 * Reads a dataset whose table is a CSV file: Waterbirds' metadata.csv, SubpopBench's tables, or any with a mapping of
 * its columns. The names give words in the table their numbers.
 *
 * @param root the dataset's folder
 * @throws SpurmemError `DATASET_NOT_FOUND` without a table, and what `parseTable` throws
 */
export async function readCsvDataset(
  root: string,
  request: DatasetRequest,
  { targetNames, spuriousNames }: Pick<TableOptions, 'targetNames' | 'spuriousNames'>,
): Promise<DatasetSource> {
  const isReleased = request.format === 'waterbirds';
  const table = isReleased ? TABLE_NAME : (request.table?.value ?? (await findTable(root)));
  if (request.table !== undefined && (await kindOf(join(root, table))) === undefined) {
    const nearest = nearestNames(table, await csvFiles(root));
    throw new SpurmemError(
      request.table.code,
      `${join(root, table)}: the table that ${request.table.by} names is missing. ` +
        (nearest.length === 0 ? LAYOUTS : `The folder has ${nearest.join(', ')}.`),
    );
  }
  const file = await readSource(join(root, table), 'the table');
  const columns: TableOptions['columns'] = isReleased
    ? { value: WATERBIRDS_COLUMNS, code: 'DATASET_INVALID', by: 'the format waterbirds' }
    : request.columns;
  const parsed = parseTable(file.path, file.bytes, { columns, targetNames, spuriousNames });
  const images = request.images === undefined ? {} : { images: request.images };
  const options: ResolvedOptions =
    table === TABLE_NAME && isDeepStrictEqual(parsed.columns, WATERBIRDS_COLUMNS)
      ? { format: 'waterbirds', ...images }
      : { format: 'csv', table, columns: parsed.columns, ...images };
  return {
    options,
    files: [file],
    rows: parsed.rows,
    images: request.images ?? '.',
    labels: { y: `column ${parsed.columns.y}`, a: `column ${parsed.columns.a}` },
    targetNames: parsed.targetNames,
    spuriousNames: parsed.spuriousNames,
  };
}

/** metadata.csv or, without it, the folder's only CSV file, such as SubpopBench's metadata_waterbirds.csv. */
async function findTable(root: string): Promise<string> {
  if ((await kindOf(join(root, TABLE_NAME))) !== undefined) return TABLE_NAME;
  const [only, ...others] = await csvFiles(root);
  if (others.length === 0) return only ?? TABLE_NAME;
  throw new SpurmemError(
    'DATASET_NOT_FOUND',
    `${join(root, TABLE_NAME)}: the table is missing, and the folder has several others: ` +
      `${[only, ...others].join(', ')}. Name one with the option table.`,
  );
}

/** The folder's tables by name, CelebA's lists left out; none where the folder cannot be listed. */
async function csvFiles(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => /\.csv$/i.test(name) && !isCelebAList(name)).sort();
}
