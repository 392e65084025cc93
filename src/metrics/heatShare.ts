import type { RegionCoverage } from '../data/coreRegion.js';

/**
 * The share of a heat map's sum that lies in a region, from 0 to 1.
 *
 * @param heat one map in row-major order, [H * W], nowhere below 0
 * @param region of H rows and W columns
 * @returns NaN for a map that is 0 everywhere: it has no heat to share
 */
export function heatShare(heat: ArrayLike<number>, { rows, columns }: RegionCoverage): number {
  let inside = 0;
  let all = 0;
  let at = 0;
  for (const row of rows) {
    for (const column of columns) {
      const value = heat[at++] as number;
      all += value;
      inside += value * row * column;
    }
  }
  return all > 0 ? inside / all : Number.NaN;
}
