import type { EpochMetrics } from '../../train/results.js';
import type { Groups } from '../groupLabels.js';
import { quantitative, TOP_LEGEND } from '../vega/axes.js';
import type { ChartSpec } from '../vega/render.js';
import { fit, textWidth } from '../vega/textWidth.js';
import { BAND, INK, MAJORITY, MINORITY, MUTED, TEST, TRAIN } from '../vega/theme.js';

/** Width of the training panels in pixels. */
const PANEL_WIDTH = 620;
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
const LOSSES = ['training loss', 'validation loss'];

/** Training and validation loss above, validation accuracy of each group below, with the selected epoch marked in both. */
export function trainingCurves(
  epochs: readonly EpochMetrics[],
  groups: Groups,
  selected: number | undefined,
): ChartSpec {
  const numbers = epochs.map(({ epoch }) => epoch);
  const panel = (height: number) => ({ width: PANEL_WIDTH, height, encoding: { x: epochAxis(numbers) } });
  return {
    label:
      'Line charts over epochs: training and validation loss; validation accuracy of each group and of the worst group' +
      (selected === undefined ? '' : `; epoch ${selected} is marked as selected`),
    spec: {
      title: { text: 'Training', subtitle: 'loss, and validation accuracy of each group, by epoch' },
      spacing: 30,
      vconcat: [
        {
          ...panel(170),
          layer: [...epochMark(selected, numbers, true), lossCurves(epochs)],
        },
        {
          ...panel(250),
          layer: [...epochMark(selected, numbers, false), ...accuracyCurves(epochs, groups)],
        },
      ],
      resolve: { scale: { color: 'independent', strokeDash: 'independent' } },
    },
  };
}

function lossCurves(epochs: readonly EpochMetrics[]) {
  const values = epochs
    .flatMap(({ epoch, trainLoss, valLoss }) => [
      { epoch, series: LOSSES[0], loss: trainLoss },
      { epoch, series: LOSSES[1], loss: valLoss },
    ])
    .filter(({ loss }) => Number.isFinite(loss));
  return {
    data: { values },
    mark: { type: 'line' as const, strokeWidth: 2, point: { size: 36 } },
    encoding: {
      y: {
        ...quantitative('loss'),
        scale: { zero: true },
        axis: { title: 'loss', tickCount: 5 },
      },
      color: {
        field: 'series',
        scale: { domain: LOSSES, range: [TRAIN, TEST] },
        legend: { ...TOP_LEGEND, symbolType: 'stroke', symbolStrokeWidth: 3 },
      },
    },
  };
}

/** Validation accuracy of each group in percent by epoch; a band follows the worst group of each epoch. */
function accuracyCurves(epochs: readonly EpochMetrics[], groups: Groups) {
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
      ...quantitative('accuracy'),
      // Lines need no zero: the axis starts at a multiple of ten, 5 to 15 points below the lowest value.
      scale: { domain: [Math.max(0, 10 * Math.floor(lowest / 10 - 0.5)), 100], nice: false },
      axis: { title: 'validation accuracy (%)', tickCount: 5 },
    },
    color: {
      field: 'series',
      scale: { domain: names, range: [...styles.map(({ color }) => color), BAND] },
      legend: {
        ...TOP_LEGEND,
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
  return [
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
  ];
}

/** Hues by kind of group; where they repeat, the dash pattern tells the lines apart. */
function lineStyles(groups: Groups): { color: string; dash: number[] }[] {
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

/** The x channel that both training panels share: whole epochs. */
function epochAxis(numbers: readonly number[]) {
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  // One epoch has no extent of its own: half an epoch on both sides puts it in the middle.
  const margin = first === last ? 0.5 : 0;
  return {
    ...quantitative('epoch'),
    scale: { domain: [first - margin, last + margin], nice: false, padding: margin === 0 ? 10 : 0 },
    axis: {
      title: 'epoch',
      format: 'd',
      grid: false,
      ...(numbers.length <= 15 ? { values: [...numbers] } : { tickCount: 10, tickMinStep: 1 }),
    },
  };
}

/** Layers that mark the selected epoch: a dashed rule, and its name where `named`. */
function epochMark(selected: number | undefined, numbers: readonly number[], named: boolean) {
  if (selected === undefined || !numbers.includes(selected)) return [];
  const late = selected > (Math.min(...numbers) + Math.max(...numbers)) / 2;
  const data = { values: [{ epoch: selected, text: `selected: epoch ${selected}` }] };
  const rule = { data, mark: { type: 'rule' as const, color: MUTED, strokeDash: [4, 4], strokeWidth: 1.5 } };
  const name = {
    data,
    mark: {
      type: 'text' as const,
      align: late ? ('right' as const) : ('left' as const),
      dx: late ? -6 : 6,
      dy: 8,
      fontSize: 12,
      color: INK,
    },
    encoding: { y: { value: 0 }, text: { field: 'text' } },
  };
  return named ? [rule, name] : [rule];
}
