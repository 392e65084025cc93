import type { GroupLabel } from '../views/groupLabels.js';
import type { EpochMetrics } from '../../train/results.js';
import { accuracyCurves } from './accuracyCurves.js';
import { lossCurves } from './lossCurves.js';
import type { ChartSpec } from './render.js';

/**
 * Training curves: training and validation loss above, validation accuracy of each group below, with the selected
 * epoch marked in both.
 *
 * @param selected the selected epoch, counted from 1
 */
export function trainingCurves(
  epochs: readonly EpochMetrics[],
  groups: readonly GroupLabel[],
  selected: number | undefined,
): ChartSpec {
  return {
    label:
      'Line charts over epochs: training and validation loss; validation accuracy of each group and of the worst group' +
      (selected === undefined ? '' : `; epoch ${selected} is marked as selected`),
    spec: {
      title: { text: 'Training', subtitle: 'loss, and validation accuracy of each group, by epoch' },
      spacing: 30,
      vconcat: [lossCurves(epochs, selected), accuracyCurves(epochs, groups, selected)],
      resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
    },
  };
}
