import type { GroupLabel } from '../views/groupLabels.js';
import type { EpochMetrics } from '../../train/results.js';
import { epochAxis, PANEL_WIDTH, epochMark } from './epochAxis.js';
import { fit, textWidth } from './textMetrics.js';
import { BAND, INK, MAJORITY, MINORITY } from './theme.js';

const WORST = 'worst group';
/** Pixels of a legend entry that are not its text: symbol and gap. */
const SYMBOL = 44;
/** Pixels of the legend's font. */
const FONT = 13;
const DASHES = [
  [1, 0],
  [7, 3],
  [2, 3],
];

/** Validation accuracy of each group in percent by epoch; a band follows the worst group of each epoch. */
export function accuracyCurves(
  epochs: readonly EpochMetrics[],
  groups: readonly GroupLabel[],
  selected: number | undefined,
) {
  // The notation at the front keeps shortened names apart.
  const names = [...groups.map(({ full }) => fit(full, FONT, PANEL_WIDTH - SYMBOL)), WORST];
  const values = epochs
    .flatMap(({ epoch, val }) => [
      { epoch, series: WORST, accuracy: 100 * val.worstGroupAccuracy },
      ...groups.map(({ index }) => ({
        epoch,
        series: names[index],
        accuracy: 100 * (val.accuracy[index] ?? Number.NaN),
      })),
    ])
    .filter(({ accuracy }) => Number.isFinite(accuracy));
  const styles = lineStyles(groups);
  const longest = Math.max(...names.map((name) => textWidth(name, FONT))) + SYMBOL;
  const lowest = Math.min(100, ...values.map(({ accuracy }) => accuracy));
  const encoding = {
    y: {
      field: 'accuracy',
      type: 'quantitative' as const,
      // Lines need no zero: the axis starts at a multiple of ten, 5 to 15 points below the lowest value.
      scale: { domain: [Math.max(0, 10 * Math.floor(lowest / 10 - 0.5)), 100], nice: false },
      axis: { title: 'validation accuracy (%)', tickCount: 5 },
    },
    color: {
      field: 'series',
      scale: { domain: names, range: [...styles.map(({ color }) => color), BAND] },
      legend: {
        title: null,
        orient: 'top' as const,
        columns: Math.max(1, Math.min(3, Math.floor(PANEL_WIDTH / longest))),
        symbolType: 'stroke',
        symbolStrokeWidth: 4,
        symbolOpacity: 1,
        symbolSize: 300,
      },
    },
    strokeDash: {
      field: 'series',
      scale: { domain: names, range: [...styles.map(({ dash }) => dash), [1, 0]] },
    },
  };
  return {
    width: PANEL_WIDTH,
    height: 250,
    encoding: { x: epochAxis(epochs) },
    layer: [
      ...epochMark(selected, epochs, false),
      // Below the group's own line, and wider: both stay visible.
      {
        data: { values: values.filter(({ series }) => series === WORST) },
        mark: {
          type: 'line' as const,
          strokeWidth: 10,
          strokeCap: 'round' as const,
          ...(epochs.length === 1 ? { point: { size: 300 } } : {}),
        },
        encoding,
      },
      {
        data: { values: values.filter(({ series }) => series !== WORST) },
        mark: { type: 'line' as const, strokeWidth: 2, point: { size: 36 } },
        encoding,
      },
    ],
  };
}

/** Hues by kind of group; where they repeat, the dash pattern tells the lines apart. */
function lineStyles(groups: readonly GroupLabel[]): { color: string; dash: number[] }[] {
  const used = { minority: 0, majority: 0 };
  return groups.map(({ minority }) => {
    const hues = minority ? MINORITY : MAJORITY;
    const at = minority ? used.minority++ : used.majority++;
    return {
      color: hues[at % hues.length] ?? INK,
      dash: DASHES[Math.floor(at / hues.length) % DASHES.length] ?? [1, 0],
    };
  });
}
