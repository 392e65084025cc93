import { join } from 'node:path';
import { WATERBIRDS_COLUMNS } from '../columns.js';
import { firstCsvRow } from '../csv.js';
import { readSource } from '../datasetSource.js';
import { defineLayout } from '../layout.js';
import { SPLITS } from '../split.js';
import { readTableSource, TABLE_NAME } from '../table.js';

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
  async read(root, _asked, names) {
    const by = 'the format waterbirds';
    const columns = { value: WATERBIRDS_COLUMNS, code: 'DATASET_INVALID', by } as const;
    const source = await readTableSource(root, TABLE_NAME, { ...names, columns });
    return { ...source, options: { format: 'waterbirds' as const } };
  },
  fillGroup: ({ split, group, y, a }) =>
    `Add rows with split ${SPLITS.indexOf(split)}, for group ${group} with y ${y} and place ${a}.`,
});
