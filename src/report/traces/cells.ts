import { points, typographic } from '../format.js';
import { quantitative } from '../vega/axes.js';
import { GAIN, GRID, INK, LOSS } from '../vega/theme.js';
import { changeInWords, type MeasuredChange } from './tests.js';

/** Cells above this share of the scale carry white text. */
const DARK = 0.85;

/** A change as a cell, with its place in words, and the end of the colour scale in points. */
export function changeCell(measured: MeasuredChange, place: string, max: number) {
  const { change, marked } = measured;
  const size = Math.abs(100 * change);
  return {
    marked,
    tip: typographic(`${place}: ${changeInWords(measured)}`),
    sign: change < 0 ? 'loss' : 'gain',
    size,
    text: typographic(points(change)),
    dark: size > DARK * max,
  };
}

/**
 * Fills cells: orange for losses, blue for gains, which people with colour-vision deficiencies can tell apart. Opacity, not a pale
 * colour, shows small changes: cells then suit a light and a dark page. `max` is the end of the colour scale in points.
 */
export function cellFill(max: number) {
  return {
    mark: { type: 'rect' as const, stroke: GRID, strokeWidth: 1 },
    encoding: {
      color: {
        field: 'sign',
        scale: { domain: ['loss', 'gain'], range: [LOSS, GAIN] },
        legend: null,
      },
      fillOpacity: {
        ...quantitative('size'),
        scale: { domain: [0, max], range: [0, 1] },
        legend: null,
      },
    },
  };
}

interface MatrixOptions {
  /** The names of columns and rows, in order. */
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  /** The end of the colour scale, in points. */
  readonly max: number;
  /** The size of the text in cells; 0 for none. */
  readonly fontSize: number;
  /** The share of a row between it and the next. */
  readonly gap: number;
  readonly columnAxis?: object;
  /** null where rows are not named. */
  readonly rowAxis?: object | null;
}

/** A matrix of changes: coloured cells with text, frames around those that have an `own`, and dots in the corners of marked ones. */
export function cellMatrix(
  values: readonly { readonly row: string; readonly column: string; readonly own?: boolean }[],
  { columns, rows, max, fontSize, gap, columnAxis = {}, rowAxis = {} }: MatrixOptions,
) {
  const ordinal = (field: 'row' | 'column') => ({ field, type: 'ordinal' as const });
  const color = { condition: { test: 'datum.dark', value: '#ffffff' }, value: INK };
  const frames = {
    transform: [{ filter: 'datum.own' }],
    mark: { type: 'rect' as const, filled: false, stroke: INK, strokeWidth: 2 },
  };
  const text = { mark: { type: 'text' as const, fontSize }, encoding: { text: { field: 'text' }, color } };
  const dots = {
    transform: [{ filter: 'datum.marked' }],
    mark: { type: 'point' as const, filled: true, size: 22, opacity: 1 },
    encoding: {
      x: { ...ordinal('column'), bandPosition: 0.92 },
      y: { ...ordinal('row'), bandPosition: 0.26 },
      color,
    },
  };
  return {
    data: { values: [...values] },
    encoding: {
      x: {
        ...ordinal('column'),
        // Layers have data of their own: without a given domain their order would win.
        scale: { domain: [...columns], paddingInner: 0.03, paddingOuter: 0 },
        axis: { title: null, orient: 'top' as const, labelAngle: 0, ...columnAxis },
      },
      y: {
        ...ordinal('row'),
        scale: { domain: [...rows], paddingInner: gap, paddingOuter: 0 },
        axis: rowAxis && { title: null, ...rowAxis },
      },
      description: { field: 'tip' },
    },
    layer: [
      cellFill(max),
      ...(values.some(({ own }) => own !== undefined) ? [frames] : []),
      ...(fontSize > 0 ? [text] : []),
      dots,
    ],
  };
}
