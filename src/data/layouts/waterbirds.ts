import { join } from 'node:path';
import { WATERBIRDS_COLUMNS } from '../columns.js';
import { firstCsvRow } from '../csv.js';
import { type DatasetSource, readSource } from '../datasetSource.js';
import { defineLayout, type ValueNames } from '../layout.js';
import { SPLITS } from '../split.js';
import { readTableSource, TABLE_NAME } from '../tableSource.js';

/** It leaves nothing to choose. */
export interface WaterbirdsOptions {
  readonly format: 'waterbirds';
}

/** Waterbirds as released, and any dataset in its layout. */
export const waterbirds = defineLayout({
  name: 'waterbirds',
  description: `a table ${TABLE_NAME} with the columns img_filename, y, split (0 train, 1 val, 2 test) and place`,
  options: {},
  async looksLike(root: string): Promise<boolean> {
    const table = await readSource(join(root, TABLE_NAME), 'the table').catch(() => undefined);
    const header = table === undefined ? [] : firstCsvRow(table.bytes).map((name) => name.trim());
    return Object.values(WATERBIRDS_COLUMNS).every((name) => header.includes(name));
  },
  async read(root: string, _asked, names: ValueNames): Promise<DatasetSource<WaterbirdsOptions>> {
    const columns = {
      value: WATERBIRDS_COLUMNS,
      code: 'DATASET_INVALID',
      by: 'the format waterbirds',
    } as const;
    return {
      ...(await readTableSource(root, TABLE_NAME, columns, names)),
      options: { format: 'waterbirds' },
    };
  },
  fillGroup: ({ split, group, y, a }) =>
    `Add rows with split ${SPLITS.indexOf(split)}, for group ${group} with y ${y} and place ${a}.`,
});
