import type { LayerEntry } from '../../experiments/results.js';
import { layerCharts } from '../charts/layerHeatmap.js';
import type { Figure, FigureRow } from '../figure.js';
import { layerSection } from '../sections/layers.js';
import { layerTablesByCriterion } from '../tables/layers.js';
import { boundColumns, neuronColumn, randomColumns } from './rows.js';

export const fig7: Figure = {
  name: 'fig7',
  title: 'Zeroing the top neurons of each layer',
  needs: { results: ['layers'] },
  rows: ({ layers, dataset }) =>
    (layers?.entries ?? []).map((entry) => ({
      split: layers?.split ?? null,
      ...layerRow(entry, dataset.groupNames, layers?.baseline.accuracy[entry.group]),
    })),
  charts: ({ layers }, groups) => (layers ? layerCharts(layers, groups) : []),
  tables: ({ layers }, groups) => (layers ? layerTablesByCriterion(layers, groups) : []),
  sections: [layerSection],
};

/** What a layer's neurons did to the group that they were chosen for. */
function layerRow(entry: LayerEntry, groupNames: readonly string[], baseline: number | undefined): FigureRow {
  return {
    criterion: entry.criterion,
    layer: entry.layer,
    k: entry.k,
    group: entry.group,
    name: groupNames[entry.group] ?? '',
    baseline: baseline ?? null,
    accuracy: entry.accuracy,
    ...boundColumns('accuracy', entry.accuracyInterval),
    change: entry.change,
    ...boundColumns('change', entry.changeInterval),
    lost: entry.lost,
    gained: entry.gained,
    ...randomColumns(entry.controls),
    neurons: neuronColumn(entry.neurons),
  };
}
