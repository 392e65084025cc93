import type { LayerEntry, TraceStructuredResult } from '../../experiments/results.js';
import { points, SPLIT_NAME, traceNotes } from '../format.js';
import { plain } from '../text.js';
import { starNote, type GroupLabel } from '../views/groupLabels.js';
import { layersByCriterion, type LayerTrace } from '../views/layers.js';
import type { Cell, Table } from './table.js';

/** What zeroing one layer's neurons changed for the group that they were chosen for, a row a layer (article, Fig. 7). */
export function layerTable(view: LayerTrace, groups: readonly GroupLabel[]): Table {
  const columns = view.ks.flatMap((k) => groups.map((group) => ({ k, group })));
  const entries = new Map(view.entries.map((entry) => [key(entry), entry]));
  return {
    caption: `Criterion ${view.criterion}: change of ${SPLIT_NAME[view.trace.split]} accuracy (points), with the samples that became wrong (−) and right (+)`,
    columns: [{ name: 'Layer' }, ...columns.map(({ k, group }) => ({ name: `${group.short}, k = ${k}` }))],
    rows: view.trace.layers.map((layer) => [
      { kind: 'code', text: plain(layer) },
      ...columns.map(({ k, group }) => flipsCell(entries.get(key({ layer, group: group.index, k })))),
    ]),
  };
}

/** The same for each criterion, for a terminal. */
export function layerTablesByCriterion(trace: TraceStructuredResult, groups: readonly GroupLabel[]): Table[] {
  const tables = layersByCriterion(trace).map((view) => layerTable(view, groups));
  return tables.map((table, at) =>
    at < tables.length - 1 ? table : { ...table, notes: [...starNote(groups), ...traceNotes(trace)] },
  );
}

function flipsCell(entry: LayerEntry | undefined): Cell {
  if (!entry) return points(Number.NaN);
  return [points(entry.change), { kind: 'detail', text: `(-${entry.lost} +${entry.gained})` }];
}

function key({ layer, group, k }: Pick<LayerEntry, 'layer' | 'group' | 'k'>): string {
  return JSON.stringify([layer, group, k]);
}
