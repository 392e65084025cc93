import {
  mean as meanOf,
  median as medianOf,
  quantile as quantileOf,
  sampleStandardDeviation,
} from 'simple-statistics';

/** Arithmetic mean of at least one value. */
export function mean(values: number[]): number {
  return meanOf(values);
}

/** Sample standard deviation (n - 1) of at least two values. */
export function standardDeviation(values: number[]): number {
  return sampleStandardDeviation(values);
}

/** Middle of at least one value; the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  return medianOf([...values]);
}

/** The value below which a share of at least one value lies. */
export function quantile(values: readonly number[], share: number): number {
  return quantileOf([...values], share);
}
