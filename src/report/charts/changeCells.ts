import { points, typographic } from '../format.js';
import { changeInWords, type MeasuredChange } from '../views/measuredChange.js';
import { GAIN, GRID, INK, LOSS } from './theme.js';

/** Cells above this share of the scale carry white text. */
const DARK = 0.85;

/** What a coloured cell shows of a change. */
interface ChangeCell {
  readonly sign: 'loss' | 'gain';
  /** |change| in points. */
  readonly size: number;
  /** Signed, in points: `−10.71`. */
  readonly text: string;
  /** Whether the cell is so strongly coloured that its text is white. */
  readonly dark: boolean;
  /** Whether the change is unlike that of random neurons, which a dot shows. */
  readonly marked: boolean;
  /** What the cell says when it is pointed at. */
  readonly tip: string;
}

/**
 * A change as a cell.
 *
 * @param place the cell's row and column in words
 * @param max the end of the colour scale, in points
 */
export function changeCell(measured: MeasuredChange, place: string, max: number): ChangeCell {
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
 * The layer that fills cells: orange for losses, blue for gains, which people with colour-vision deficiencies can tell
 * apart. Opacity, not a pale colour, shows small changes: cells then suit a light and a dark page.
 *
 * @param max the end of the colour scale, in points
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
        field: 'size',
        type: 'quantitative' as const,
        scale: { domain: [0, max], range: [0, 1] },
        legend: null,
      },
    },
  };
}

/** The layer that writes the changes into the cells. */
export function cellText(fontSize: number) {
  return {
    mark: { type: 'text' as const, fontSize },
    encoding: {
      text: { field: 'text' },
      color: { condition: { test: 'datum.dark', value: '#ffffff' }, value: INK },
    },
  };
}

/** The layer that marks cells with a dot in their upper right corner. `x` and `y` are the fields of columns and rows. */
export function cellDots(x: string, y: string) {
  return {
    transform: [{ filter: 'datum.marked' }],
    mark: { type: 'point' as const, filled: true, size: 22, opacity: 1 },
    encoding: {
      x: { field: x, type: 'ordinal' as const, bandPosition: 0.92 },
      y: { field: y, type: 'ordinal' as const, bandPosition: 0.26 },
      color: { condition: { test: 'datum.dark', value: '#ffffff' }, value: INK },
    },
  };
}
