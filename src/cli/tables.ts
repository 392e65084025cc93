import Table from 'cli-table3';
import { groupCounts, type Dataset } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import type { TraceCost } from '../experiments/evaluateVariants.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import { changeTable, groupTable, neuronTable } from '../report/tables.js';
import type { TrainingResult } from '../train/metrics.js';

/** What `--json` prints of a dataset. */
export function summarizeDataset(dataset: Dataset): unknown {
  return {
    name: dataset.name,
    folder: dataset.folder,
    fingerprint: dataset.fingerprint,
    targetNames: dataset.targetNames,
    spuriousNames: dataset.spuriousNames,
    groupNames: dataset.groupNames,
    minorityGroups: dataset.minorityGroups,
    counts: Object.fromEntries(SPLITS.map((split) => [split, groupCounts(dataset, split)])),
    preprocessing: dataset.preprocessing,
    coreRegion: dataset.coreRegion,
  };
}

/** Examples of each group in each split. */
export function datasetTables(dataset: Dataset): string {
  const minority = dataset.minorityGroups;
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
export function trainingTables(dataset: Dataset, erm: TrainingResult, color: boolean): string {
  return groupTable(erm, dataset.groupNames, dataset.minorityGroups, { color });
}

/** What perturbing neurons changed, and, unless they were printed before, which neurons they are. */
export function traceTables(
  dataset: Dataset,
  trace: TraceUnstructuredResult,
  color: boolean,
  hasNeurons = true,
): string {
  const minority = dataset.minorityGroups;
  return [
    changeTable(trace, dataset.groupNames, minority, { color }),
    ...(hasNeurons ? [neuronTable(trace, dataset.groupNames, minority, { color })] : []),
    costLine(trace.cost),
  ].join('\n');
}

/** The accuracy change of each group, layer by layer, in points. */
export function layerTables(dataset: Dataset, trace: TraceStructuredResult): string {
  const minority = dataset.minorityGroups;
  const groups = dataset.groupNames.map((_, group) => `G${group}${minority.includes(group) ? '*' : ''}`);
  const columns = [...new Set(trace.entries.map(({ criterion, k }) => `${criterion} k=${k}`))];
  const table = new Table({
    head: ['layer', ...columns.flatMap((column) => groups.map((group) => `${column} ${group}`))],
    colAligns: ['left', ...columns.flatMap(() => groups.map(() => 'right' as const))],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  });
  const change = new Map(
    trace.entries.map((entry) => [
      `${entry.criterion} k=${entry.k} ${entry.layer} ${entry.group}`,
      entry.change,
    ]),
  );
  for (const layer of trace.layers) {
    const cells = columns.flatMap((column) =>
      groups.map((_, group) => (100 * (change.get(`${column} ${layer} ${group}`) ?? Number.NaN)).toFixed(2)),
    );
    table.push([layer, ...cells]);
  }
  return [
    table.toString(),
    `change of each group's ${trace.split} accuracy in points, when its own neurons of the layer are zeroed; * minority group`,
    costLine(trace.cost),
  ].join('\n');
}

/** Where one criterion's top neurons stand under the other. */
export function overlapTables(dataset: Dataset, overlap: TraceOverlapResult): string {
  const table = new Table({
    head: ['group', 'chosen by', 'ranked by', 'neuron', 'percentile'],
    colAligns: ['left', 'left', 'left', 'left', 'right'],
    style: { head: [], border: [], compact: true },
  });
  for (const { group, chosenBy, rankedBy, neurons } of overlap.entries) {
    for (const { layer, index, percentile } of neurons) {
      table.push([
        dataset.groupNames[group] ?? '',
        chosenBy,
        rankedBy,
        `${layer}[${index}]`,
        percentile.toFixed(2),
      ]);
    }
  }
  return `${table.toString()}\n${overlap.count} of ${overlap.numNeurons} neurons (a share of ${overlap.fraction})`;
}

function costLine({ naiveForwards, runForwards, ratio }: TraceCost): string {
  return `cost: ${Math.round(runForwards)} of ${naiveForwards} forward passes (${ratio.toFixed(3)} of evaluating each variant alone)`;
}
