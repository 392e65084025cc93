import type { EpochMetrics } from '../../train/results.js';
import { INK, MUTED } from './theme.js';

/** Width of the training panels in pixels. */
export const PANEL_WIDTH = 620;

/** The x channel that both training panels share: whole epochs. */
export function epochAxis(epochs: readonly EpochMetrics[]) {
  const numbers = epochs.map(({ epoch }) => epoch);
  const first = Math.min(...numbers);
  const last = Math.max(...numbers);
  // One epoch has no extent of its own: half an epoch on both sides puts it in the middle.
  const margin = first === last ? 0.5 : 0;
  return {
    field: 'epoch',
    type: 'quantitative' as const,
    scale: { domain: [first - margin, last + margin], nice: false, padding: margin === 0 ? 10 : 0 },
    axis: {
      title: 'epoch',
      format: 'd',
      grid: false,
      ...(numbers.length <= 15 ? { values: numbers } : { tickCount: 10, tickMinStep: 1 }),
    },
  };
}

/** Layers that mark the selected epoch: a dashed rule, and its name where `named`. */
export function epochMark(selected: number | undefined, epochs: readonly EpochMetrics[], named: boolean) {
  if (selected === undefined || !epochs.some(({ epoch }) => epoch === selected)) return [];
  const numbers = epochs.map(({ epoch }) => epoch);
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
