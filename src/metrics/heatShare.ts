/** Returns the share of a heat map's sum [H * W] in a region, given by how much of each pixel it covers; NaN if the map is 0 everywhere. */
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
