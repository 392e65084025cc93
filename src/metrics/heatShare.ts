/**
 * The share of a heat map's sum that lies in a region, from 0 to 1.
 *
 * @param heat one map in row-major order, [H * W], nowhere below 0
 * @param coverage how much of each pixel lies in the region, [H * W], from 0 to 1
 * @returns NaN for a map that is 0 everywhere: it has no heat to share
 */
export function heatShare(heat: ArrayLike<number>, coverage: ArrayLike<number>): number {
  let inside = 0;
  let all = 0;
  for (let at = 0; at < heat.length; at += 1) {
    const value = heat[at] as number;
    all += value;
    inside += value * (coverage[at] as number);
  }
  return all > 0 ? inside / all : Number.NaN;
}
