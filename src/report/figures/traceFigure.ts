import type { TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import type { Figure, FigureRow } from '../figure.js';
import type { FigureSource } from '../reportData.js';
import { changeTable, neuronTable } from '../tables/changes.js';
import { nullTables } from '../tables/nulls.js';
import { adjustedIn, type AdjustedTests } from '../views/selections.js';
import { boundColumns, neuronColumn, randomColumns } from './rows.js';

/** What figures and tables of unstructured traces share: their rows, and what a terminal prints. */
export const traceFigure: Pick<Figure, 'rows' | 'tables'> = {
  rows: ({ traces, dataset }) => traces.flatMap((trace) => traceRows(trace, dataset)),
  tables: ({ traces }, groups) =>
    traces.flatMap((trace) => [
      changeTable(trace, groups),
      neuronTable(trace, groups),
      ...nullTables(trace, groups),
    ]),
};

/** What each set of neurons did to each group, and to all minority examples against all majority ones. */
function traceRows(trace: TraceUnstructuredResult, { groupNames }: FigureSource['dataset']): FigureRow[] {
  const adjusted = adjustedIn(trace);
  return trace.entries.flatMap((entry) => [
    ...groupNames.map((name, group) => groupRow(trace, entry, group, name, adjusted)),
    ...(entry.difference ? [differenceRow(trace, entry, adjusted)] : []),
  ]);
}

function groupRow(
  trace: TraceUnstructuredResult,
  entry: TraceEntry,
  group: number,
  name: string,
  adjusted: AdjustedTests,
): FigureRow {
  return {
    ...setColumns(trace, entry),
    ...{ group, name, examples: trace.baseline.total[group] ?? null },
    baseline: trace.baseline.accuracy[group] ?? null,
    accuracy: entry.accuracy[group] ?? null,
    ...boundColumns('accuracy', entry.accuracyInterval[group]),
    change: entry.change[group] ?? null,
    changeStd: entry.changeStd?.[group] ?? null,
    ...boundColumns('change', entry.changeInterval[group]),
    marginChange: entry.margin[group] ?? null,
    ...boundColumns('marginChange', entry.marginInterval[group]),
    lossChange: entry.loss[group] ?? null,
    ...boundColumns('lossChange', entry.lossInterval[group]),
    ...randomColumns((null_, outcome) => adjusted.testOf(entry, null_, group, outcome), adjusted.tests),
    neurons: neuronColumn(entry.neurons),
  };
}

/** The same columns, of which some stay empty. */
function differenceRow(
  trace: TraceUnstructuredResult,
  entry: TraceEntry,
  adjusted: AdjustedTests,
): FigureRow {
  return {
    ...setColumns(trace, entry),
    ...{ group: null, name: 'minority minus majority', examples: null, baseline: null, accuracy: null },
    ...boundColumns('accuracy', undefined),
    change: entry.difference?.accuracy ?? null,
    changeStd: null,
    ...boundColumns('change', undefined),
    marginChange: entry.difference?.margin ?? null,
    ...boundColumns('marginChange', undefined),
    lossChange: entry.difference?.loss ?? null,
    ...boundColumns('lossChange', undefined),
    ...randomColumns(
      (null_, outcome) => adjusted.testOf(entry, null_, 'difference', outcome),
      adjusted.tests,
    ),
    neurons: neuronColumn(entry.neurons),
  };
}

function setColumns(trace: TraceUnstructuredResult, entry: TraceEntry): FigureRow {
  return {
    perturbation: trace.perturbation,
    sigma: entry.sigma,
    seeds: trace.seeds.length,
    split: trace.split,
    criterion: entry.criterion,
    chosenFor: entry.group,
    k: entry.k,
  };
}
