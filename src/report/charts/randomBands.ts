import { BAND, MUTED } from './theme.js';

/** What random neurons change, as fields of a bar's datum, in points; missing where they were not tried. */
export interface RandomFields {
  readonly randomLow?: number;
  readonly randomHigh?: number;
  readonly randomMean?: number;
}

const filter = [{ filter: 'isValid(datum.randomLow)' }];

/**
 * The layer behind bars: the middle 95 % of what random neurons change. It is wider than a bar, so that it stays visible.
 *
 * @param name its entry in the legend
 * @param width in pixels: Vega-Lite misplaces shares of an offset's band
 */
export function randomBands(name: string, width: number) {
  return {
    transform: filter,
    mark: { type: 'rect' as const, width },
    encoding: {
      y: { field: 'randomLow', type: 'quantitative' as const },
      y2: { field: 'randomHigh' },
      // A scale of its own gives it a legend of its own: it is longer than the bars' entries.
      fill: {
        datum: name,
        type: 'nominal' as const,
        scale: { domain: [name], range: [BAND] },
        legend: { title: null, orient: 'top' as const, symbolType: 'square', symbolStrokeWidth: 0 },
      },
    },
  };
}

/** The layer above bars: the mean of what random neurons change, as a line as wide as the band. */
export function randomMeans(width: number) {
  return {
    transform: filter,
    mark: { type: 'tick' as const, orient: 'horizontal' as const, color: MUTED, size: width, thickness: 2 },
    encoding: { y: { field: 'randomMean', type: 'quantitative' as const } },
  };
}
