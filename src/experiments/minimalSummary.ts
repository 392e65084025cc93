import { meanInterval } from '../metrics/intervals.js';
import { mannWhitney } from '../metrics/mannWhitney.js';
import { mean, median, momentsOf } from '../metrics/statistics.js';
import type { MinimalComparison, MinimalExample, MinimalSummary } from './traceMinimalResult.js';

/** Summarizes how many neurons some examples need. */
export function summarizeMinimal(examples: readonly MinimalExample[]): MinimalSummary {
  const counts = countsOf(examples);
  const over = (value: (example: MinimalExample) => number): number | null =>
    examples.length > 0 ? mean(examples.map(value)) : null;
  return {
    examples: examples.length,
    flipped: over(({ flipped }) => Number(flipped)),
    median: counts.length > 0 ? median(counts) : null,
    mean: over(({ count }) => count),
    interval: counts.length > 1 ? meanInterval(momentsOf(counts)) : null,
    referenceChange: over(({ reference: { before, after } }) => after.accuracy - before.accuracy),
  };
}

/** Examples of minority groups against the others; null where there are none of one kind. */
export function compareMinorities(
  examples: readonly MinimalExample[],
  minorityGroups: readonly number[],
): MinimalComparison | null {
  const ofMinority = examples.filter(({ group }) => minorityGroups.includes(group));
  const ofMajority = examples.filter(({ group }) => !minorityGroups.includes(group));
  const [minority, majority] = [summarizeMinimal(ofMinority), summarizeMinimal(ofMajority)];
  if (minority.median === null || majority.median === null) return null;
  const { u, pValue } = mannWhitney(countsOf(ofMinority), countsOf(ofMajority));
  return {
    minority,
    majority,
    difference: minority.median - majority.median,
    u,
    pValue,
    probabilityFewer: 1 - u / (ofMinority.length * ofMajority.length),
  };
}

function countsOf(examples: readonly MinimalExample[]): number[] {
  return examples.map(({ count }) => count);
}
