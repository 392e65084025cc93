import type { EpochMetrics } from '../../train/results.js';
import { epochAxis, PANEL_WIDTH, epochMark } from './epochAxis.js';
import { TEST, TRAIN } from './theme.js';

const SERIES = ['training loss', 'validation loss'];

/** Mean loss of training and validation by epoch. */
export function lossCurves(epochs: readonly EpochMetrics[], selected: number | undefined) {
  const values = epochs
    .flatMap(({ epoch, trainLoss, valLoss }) => [
      { epoch, series: SERIES[0], loss: trainLoss },
      { epoch, series: SERIES[1], loss: valLoss },
    ])
    .filter(({ loss }) => Number.isFinite(loss));
  return {
    width: PANEL_WIDTH,
    height: 170,
    encoding: { x: epochAxis(epochs) },
    layer: [
      ...epochMark(selected, epochs, true),
      {
        data: { values },
        mark: { type: 'line' as const, strokeWidth: 2, point: { size: 36 } },
        encoding: {
          y: {
            field: 'loss',
            type: 'quantitative' as const,
            scale: { zero: true },
            axis: { title: 'loss', tickCount: 5 },
          },
          color: {
            field: 'series',
            scale: { domain: SERIES, range: [TRAIN, TEST] },
            legend: { title: null, orient: 'top' as const, symbolType: 'stroke', symbolStrokeWidth: 3 },
          },
        },
      },
    ],
  };
}
