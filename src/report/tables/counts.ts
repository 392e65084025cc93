import { SPLITS } from '../../data/split.js';
import { count, percent, SPLIT_NAME } from '../format.js';
import type { ReportDataset } from '../reportData.js';
import { groupLabels, starNote } from '../views/groupLabels.js';
import { groupCell, type Table } from './table.js';

/** Examples of each group in each split. */
export function countTable(dataset: ReportDataset): Table {
  const groups = groupLabels(dataset);
  const { counts } = dataset;
  const trained = counts.train.reduce((sum, size) => sum + size, 0);
  return {
    caption: 'Samples of each group.',
    columns: [
      { name: 'Group' },
      { name: 'Kind', text: true, pageOnly: true },
      ...SPLITS.map((split) => ({ name: SPLIT_NAME[split] })),
      { name: 'share', explanation: 'Share: of the training split, in percent.', pageOnly: true },
    ],
    rows: groups.map((group) => [
      groupCell(group),
      group.minority ? 'minority' : 'majority',
      ...SPLITS.map((split) => count(counts[split][group.index])),
      percent((counts.train[group.index] ?? Number.NaN) / trained),
    ]),
    notes: starNote(groups),
  };
}
