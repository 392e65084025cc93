import jstat from 'jstat';
import type { Interval } from './bootstrap.js';
import { mean, standardDeviation } from './statistics.js';

const { studentt } = jstat.jStat;

/** The level of the intervals over seeds. */
const LEVEL = 0.95;

/** A measurement over seeds. */
export interface SeedSummary {
  readonly mean: number;
  /** Sample standard deviation over seeds; null for one seed. */
  readonly std: number | null;
  /** 95 % interval of the mean by Student's t; null for one seed. */
  readonly interval: Interval | null;
}

/** Mean, standard deviation and interval of at least one seed's values. */
export function summarizeSeeds(values: readonly number[]): SeedSummary {
  const average = mean([...values]);
  if (values.length < 2) return { mean: average, std: null, interval: null };
  const std = standardDeviation([...values]);
  const half = (studentt.inv((1 + LEVEL) / 2, values.length - 1) * std) / Math.sqrt(values.length);
  return { mean: average, std, interval: [average - half, average + half] };
}

/** The difference of two measurements on the same seeds. */
export interface PairedDifference extends SeedSummary {
  /** Two-sided paired t-test; null for one seed. */
  readonly pValue: number | null;
}

/**
 * `values` minus `reference`, seed by seed.
 *
 * @throws RangeError when they are not of the same seeds
 */
export function pairedDifference(values: readonly number[], reference: readonly number[]): PairedDifference {
  if (values.length !== reference.length) {
    throw new RangeError(`${values.length} seeds against ${reference.length}`);
  }
  const differences = values.map((value, i) => value - (reference[i] as number));
  const summary = summarizeSeeds(differences);
  return { ...summary, pValue: pValueOf(summary, differences.length) };
}

function pValueOf({ mean: difference, std }: SeedSummary, count: number): number | null {
  if (std === null) return null;
  // Equal differences have no spread to judge them by, unless there is none at all.
  if (std === 0) return difference === 0 ? 1 : 0;
  const t = Math.abs(difference) / (std / Math.sqrt(count));
  return 2 * (1 - studentt.cdf(t, count - 1));
}
