import type { Dataset } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import type { ComparisonResult } from '../experiments/comparison.js';
import type {
  TraceOverlapResult,
  TraceStructuredResult,
  TraceUnstructuredResult,
} from '../experiments/results.js';
import type { TraceMinimalResult } from '../experiments/traceMinimalResult.js';
import { accuracyTable } from '../report/figures/accuracy/tables.js';
import { traceTables as tablesOfTrace } from '../report/figures/changes/tables.js';
import { traceView } from '../report/figures/changes/view.js';
import { layerTables as tablesOfLayers } from '../report/figures/layers/fig7.js';
import { minimalTable } from '../report/figures/minimal.js';
import { rankList } from '../report/figures/overlap/ranks.js';
import { groupLabels, type NamedGroups } from '../report/groupLabels.js';
import { comparisonTable } from '../report/sections/comparison.js';
import { countTable } from '../report/sections/data.js';
import type { Table } from '../report/table.js';
import { plain } from '../report/text.js';
import type { TrainingResult } from '../train/results.js';
import { textTable } from './textTable.js';

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
    counts: dataset.counts,
    preprocessing: dataset.preprocessing,
    coreRegion: dataset.coreRegion,
  };
}

/** Examples of each group in each split. */
export function datasetTables(dataset: Dataset, color: boolean): string {
  const { name, folder, counts } = dataset;
  const table = countTable(dataset);
  const sums = SPLITS.map((split) => String(counts[split].reduce((sum, count) => sum + count, 0)));
  return `${plain(name)}: ${plain(folder)}\n${textTable({ ...table, footer: [['all', '', ...sums, '']] }, { color })}`;
}

/** Accuracies of a run's groups. */
export function trainingTables(dataset: NamedGroups, result: TrainingResult, color: boolean): string {
  return textTable(accuracyTable(result, groupLabels(dataset)), { color });
}

/** What perturbing neurons changed, and which neurons they are. */
export function traceTables(dataset: NamedGroups, trace: TraceUnstructuredResult, color: boolean): string {
  return joined(tablesOfTrace(traceView(trace), groupLabels(dataset)), color);
}

/** Runs side by side, and what each shows. */
export function comparisonTables(dataset: NamedGroups, comparison: ComparisonResult, color: boolean): string {
  return textTable(comparisonTable(comparison, groupLabels(dataset)), { color });
}

/** The accuracy change of each group, layer by layer, in points. */
export function layerTables(dataset: NamedGroups, trace: TraceStructuredResult, color: boolean): string {
  return joined(tablesOfLayers(trace, groupLabels(dataset)), color);
}

/** Where one criterion's top neurons stand under the other. */
export function overlapTables(dataset: NamedGroups, overlap: TraceOverlapResult, color: boolean): string {
  return textTable(rankList(overlap, groupLabels(dataset)), { color });
}

/** How many neurons an example of each group needs. */
export function minimalTables(dataset: NamedGroups, trace: TraceMinimalResult, color: boolean): string {
  return textTable(minimalTable(trace, groupLabels(dataset)), { color });
}

function joined(tables: readonly Table[], color: boolean): string {
  return tables.map((table) => textTable(table, { color })).join('\n');
}
