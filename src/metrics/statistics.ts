import {
  mean as meanOf,
  median as medianOf,
  quantile as quantileOf,
  quantileSorted,
  sampleStandardDeviation,
  sampleVariance,
} from 'simple-statistics';

/** Arithmetic mean of at least one value. */
export function mean(values: number[]): number {
  return meanOf(values);
}

/** Sample standard deviation (n - 1) of at least two values. */
export function standardDeviation(values: number[]): number {
  return sampleStandardDeviation(values);
}

/** Moments of values whose mean is to be judged. */
export interface Moments {
  readonly count: number;
  /** NaN of no values. */
  readonly mean: number;
  /** Sample variance (n - 1); NaN of fewer than two values. */
  readonly variance: number;
}

export function momentsOf(values: readonly number[]): Moments {
  const count = values.length;
  return {
    count,
    mean: count > 0 ? meanOf([...values]) : Number.NaN,
    variance: count > 1 ? sampleVariance([...values]) : Number.NaN,
  };
}

/** Middle of at least one value; the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  return medianOf([...values]);
}

/** The value below which a share of at least one value lies. */
export function quantile(values: readonly number[], share: number): number {
  return quantileOf([...values], share);
}

/** The middle 95 % of at least one value, between their 2.5th and 97.5th percentile. */
export function middle(values: ArrayLike<number>): [low: number, high: number] {
  // Typed arrays sort numbers without a comparison function.
  const sorted = Array.from(Float64Array.from(values).sort());
  return [quantileSorted(sorted, 0.025), quantileSorted(sorted, 0.975)];
}
