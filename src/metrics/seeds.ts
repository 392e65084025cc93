import jstat from 'jstat';
import { bootstrapInterval } from './bootstrap.js';
import { type Equivalence, equivalence } from './equivalence.js';
import { type Interval, meanInterval } from './intervals.js';
import { type SignFlip, signFlip } from './signFlip.js';
import { momentsOf } from './statistics.js';

const { studentt } = jstat.jStat;

/** A measurement over seeds. */
export interface SeedSummary {
  readonly mean: number;
  /** Sample standard deviation over seeds; null for one seed. */
  readonly std: number | null;
  /** 95 % interval of the mean by Student's t; null for one seed. */
  readonly interval: Interval | null;
  /** `bootstrapInterval` of the mean; null for fewer than 6 seeds. */
  readonly bootstrap: Interval | null;
}

/** @param values at least one */
export function summarizeSeeds(values: readonly number[]): SeedSummary {
  const moments = momentsOf(values);
  const { count, mean, variance } = moments;
  if (count < 2) return { mean, std: null, interval: null, bootstrap: null };
  return {
    mean,
    std: Math.sqrt(variance),
    interval: meanInterval(moments),
    bootstrap: bootstrapInterval(values),
  };
}

export interface PairedDifference extends SeedSummary {
  /** Two-sided paired t-test; null for one seed, and for equal differences, which have no spread. */
  readonly pValue: number | null;
  /** Two-sided sign-flip permutation test. */
  readonly signFlip: SignFlip | null;
  /** Whether the difference is too small to matter; null without a margin, and for one seed. */
  readonly equivalence: Equivalence | null;
}

/** `values` minus `reference`, seed by seed; a margin must have been chosen before they were seen. */
export function pairedDifference(
  values: readonly number[],
  reference: readonly number[],
  margin?: number,
): PairedDifference {
  if (values.length !== reference.length) {
    throw new RangeError(`${values.length} seeds against ${reference.length}`);
  }
  const differences = values.map((value, i) => value - (reference[i] as number));
  const summary = summarizeSeeds(differences);
  // Equal differences may differ in their last digits, by rounding.
  const largest = Math.max(...values.map(Math.abs), ...reference.map(Math.abs));
  const areEqual = summary.std !== null && summary.std <= 1e-12 * largest;
  const std = areEqual ? 0 : summary.std;
  const isJudged = std !== 0 || summary.mean === 0;
  return {
    ...summary,
    std,
    interval: isJudged ? summary.interval : null,
    pValue: pValueOf({ ...summary, std }, differences.length),
    signFlip: signFlip(differences),
    equivalence: margin === undefined ? null : equivalence(differences, margin),
  };
}

function pValueOf({ mean: difference, std }: SeedSummary, count: number): number | null {
  if (std === null) return null;
  if (std === 0) return difference === 0 ? 1 : null;
  const t = Math.abs(difference) / (std / Math.sqrt(count));
  return 2 * studentt.cdf(-t, count - 1);
}
