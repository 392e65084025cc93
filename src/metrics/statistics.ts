import {
  mean,
  median as medianOf,
  quantile as quantileOf,
  quantileSorted,
  sampleVariance,
} from 'simple-statistics';

export { mean, sampleStandardDeviation as standardDeviation } from 'simple-statistics';

export type Moments = ReturnType<typeof momentsOf>;

/** Returns count, mean and sample variance (n - 1); NaN for too few values. */
export function momentsOf(values: readonly number[]) {
  const count = values.length;
  return {
    count,
    mean: count > 0 ? mean([...values]) : Number.NaN,
    variance: count > 1 ? sampleVariance([...values]) : Number.NaN,
  };
}

export function median(values: readonly number[]): number {
  return medianOf([...values]);
}

export function quantile(values: readonly number[], share: number): number {
  return quantileOf([...values], share);
}

/** The middle 95 % of at least one value, between their 2.5th and 97.5th percentile. */
export function middle(values: ArrayLike<number>): [low: number, high: number] {
  // Typed arrays sort numbers without a comparison function.
  const sorted = Array.from(Float64Array.from(values).sort());
  return [quantileSorted(sorted, 0.025), quantileSorted(sorted, 0.975)];
}

/** Returns the item whose number has the largest absolute value; ties: the first. Undefined if none has a number. */
export function largestBy<Item>(items: readonly Item[], valueOf: (item: Item) => number): Item | undefined {
  return items
    .filter((item) => Number.isFinite(valueOf(item)))
    .sort((a, b) => Math.abs(valueOf(b)) - Math.abs(valueOf(a)))[0];
}

/** Returns the distinct numbers of both lists, ascending. */
export function union(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].sort((x, y) => x - y);
}
