import Table from 'cli-table3';
import { groupCounts, type Dataset } from '../data/dataset.js';
import { minorityGroups } from '../data/minorityGroups.js';
import { SPLITS } from '../data/split.js';
import type { TraceUnstructuredResult } from '../experiments/results.js';
import { changeTable, groupTable, neuronTable } from '../report/tables.js';
import type { ErmResult } from '../train/metrics.js';

/** What `--json` prints of a dataset. */
export function summarizeDataset(dataset: Dataset): unknown {
  return {
    name: dataset.name,
    folder: dataset.folder,
    fingerprint: dataset.fingerprint,
    targetNames: dataset.targetNames,
    spuriousNames: dataset.spuriousNames,
    groupNames: dataset.groupNames,
    minorityGroups: minorityGroups(dataset),
    counts: Object.fromEntries(SPLITS.map((split) => [split, groupCounts(dataset, split)])),
    preprocessing: dataset.preprocessing,
  };
}

/** Examples of each group in each split. */
export function datasetTables(dataset: Dataset): string {
  const minority = minorityGroups(dataset);
  const counts = SPLITS.map((split) => groupCounts(dataset, split));
  const table = new Table({
    head: ['group', ...SPLITS],
    colAligns: ['left', 'right', 'right', 'right'],
    style: { head: [], border: [], compact: true },
  });
  dataset.groupNames.forEach((name, group) => {
    const label = `G${group}${minority.includes(group) ? '*' : ''} ${name}`;
    table.push([label, ...counts.map((ofSplit) => String(ofSplit[group]))]);
  });
  table.push(['all', ...SPLITS.map((split) => String(dataset.splits[split].length))]);
  return `${dataset.name}: ${dataset.folder}\n${table.toString()}\n* minority group`;
}

/** Accuracies of an ERM run's groups. */
export function ermTables(dataset: Dataset, erm: ErmResult, color: boolean): string {
  return groupTable(erm, dataset.groupNames, minorityGroups(dataset), { color });
}

/** What zeroing neurons changed, and which neurons they are. */
export function traceTables(dataset: Dataset, trace: TraceUnstructuredResult, color: boolean): string {
  const minority = minorityGroups(dataset);
  return [
    changeTable(trace, dataset.groupNames, minority, { color }),
    neuronTable(trace, dataset.groupNames, minority, { color }),
  ].join('\n');
}
