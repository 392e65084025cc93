import { mean as meanOf, sampleStandardDeviation } from 'simple-statistics';

/** Arithmetic mean of at least one value. */
export function mean(values: number[]): number {
  return meanOf(values);
}

/** Sample standard deviation (n - 1) of at least two values. */
export function standardDeviation(values: number[]): number {
  return sampleStandardDeviation(values);
}
