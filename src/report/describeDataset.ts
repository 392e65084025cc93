import { groupCounts, type Dataset } from '../data/dataset.js';
import { minorityGroups } from '../data/minorityGroups.js';
import type { ReportDataset } from './reportData.js';

/** What figures, tables and sections take of a dataset, without sample images. */
export function describeDataset(dataset: Dataset): ReportDataset {
  return {
    name: dataset.name,
    groupNames: dataset.groupNames,
    minorityGroups: minorityGroups(dataset),
    counts: {
      train: groupCounts(dataset, 'train'),
      val: groupCounts(dataset, 'val'),
      test: groupCounts(dataset, 'test'),
    },
  };
}
