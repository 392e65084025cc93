import type { TraceStructuredResult } from '../../experiments/results.js';
import { layerCharts } from '../charts/layerHeatmap.js';
import type { Figure, FigureRow } from '../figure.js';
import { layerSection } from '../sections/layers.js';
import { layerTablesByCriterion } from '../tables/layers.js';
import { adjustedTests, comparedLayer } from '../views/nulls.js';
import { boundColumns, neuronColumn, randomColumns } from './rows.js';

export const fig7: Figure = {
  name: 'fig7',
  title: 'Zeroing the top neurons of each layer',
  needs: { results: ['layers'] },
  rows: ({ layers, dataset }) => (layers ? layerRows(layers, dataset.groupNames) : []),
  charts: ({ layers }, groups) => (layers ? layerCharts(layers, groups) : []),
  tables: ({ layers }, groups) => (layers ? layerTablesByCriterion(layers, groups) : []),
  sections: [layerSection],
};

/** What a layer's neurons did to the group that they were chosen for. */
function layerRows(
  { entries, split, baseline }: TraceStructuredResult,
  groupNames: readonly string[],
): FigureRow[] {
  const adjusted = adjustedTests(entries, (entry, null_, outcome) => [comparedLayer(entry, null_, outcome)]);
  return entries.map((entry) => ({
    split,
    criterion: entry.criterion,
    layer: entry.layer,
    k: entry.k,
    group: entry.group,
    name: groupNames[entry.group] ?? '',
    examples: baseline.total[entry.group] ?? null,
    baseline: baseline.accuracy[entry.group] ?? null,
    accuracy: entry.accuracy,
    ...boundColumns('accuracy', entry.accuracyInterval),
    change: entry.change,
    ...boundColumns('change', entry.changeInterval),
    lost: entry.lost,
    gained: entry.gained,
    marginChange: entry.margin,
    ...boundColumns('marginChange', entry.marginInterval),
    lossChange: entry.loss,
    ...boundColumns('lossChange', entry.lossInterval),
    ...randomColumns((null_, outcome) => comparedLayer(entry, null_, outcome), adjusted),
    neurons: neuronColumn(entry.neurons),
  }));
}
