import type { TraceEntry, TraceUnstructuredResult } from '../../experiments/results.js';
import type { Figure, FigureRow } from '../figure.js';
import type { FigureSource } from '../reportData.js';
import { changeTable, neuronTable } from '../tables/changes.js';
import { boundColumns, neuronColumn, randomColumns } from './rows.js';

/** What figures and tables of unstructured traces share: their rows, and what a terminal prints. */
export const traceFigure: Pick<Figure, 'rows' | 'tables'> = {
  rows: ({ traces, dataset }) => traces.flatMap((trace) => traceRows(trace, dataset)),
  tables: ({ traces }, groups) =>
    traces.flatMap((trace) => [changeTable(trace, groups), neuronTable(trace, groups)]),
};

/** What each set of neurons did to each group. */
function traceRows(trace: TraceUnstructuredResult, { groupNames }: FigureSource['dataset']): FigureRow[] {
  return trace.entries.flatMap((entry) =>
    groupNames.map((name, group) => traceRow(trace, entry, group, name)),
  );
}

function traceRow(trace: TraceUnstructuredResult, entry: TraceEntry, group: number, name: string): FigureRow {
  return {
    perturbation: trace.perturbation,
    sigma: entry.sigma,
    seeds: trace.seeds.length,
    split: trace.split,
    criterion: entry.criterion,
    chosenFor: entry.group,
    k: entry.k,
    group,
    name,
    baseline: trace.baseline.accuracy[group] ?? null,
    accuracy: entry.accuracy[group] ?? null,
    ...boundColumns('accuracy', entry.accuracyInterval[group]),
    change: entry.change[group] ?? null,
    changeStd: entry.changeStd?.[group] ?? null,
    ...boundColumns('change', entry.changeInterval[group]),
    ...randomColumns(entry.controls?.[group]),
    neurons: neuronColumn(entry.neurons),
  };
}
