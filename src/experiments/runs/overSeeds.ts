import {
  type PairedDifference,
  pairedDifference,
  type SeedSummary,
  summarizeSeeds,
} from '../../metrics/seeds.js';
import type { TrainingResult } from '../../train/results.js';

/** The result of one run. Accuracies are fractions. */
export interface SeedOutcome {
  readonly seed: number;
  /** The run's folder. */
  readonly run: string;
  readonly bestEpoch: number;
  readonly valWorstGroupAccuracy: number;
  readonly testWorstGroupAccuracy: number;
  readonly testAverage: number;
  /** Test accuracy of each group, [numGroups]. */
  readonly testAccuracy: readonly number[];
}

/** Runs that differ in nothing but their seeds. */
export interface OverSeeds {
  readonly valWorstGroupAccuracy: SeedSummary;
  readonly testWorstGroupAccuracy: SeedSummary;
  readonly testAverage: SeedSummary;
}

/** The outcome of a finished run. */
export function outcomeOf(seed: number, run: string, { bestEpoch, val, test }: TrainingResult): SeedOutcome {
  return {
    seed,
    run,
    bestEpoch,
    valWorstGroupAccuracy: val.worstGroupAccuracy,
    testWorstGroupAccuracy: test.worstGroupAccuracy,
    testAverage: test.average,
    testAccuracy: test.accuracy,
  };
}

/** Means over at least one seed, with their intervals. */
export function summarizeOutcomes(outcomes: readonly Pick<SeedOutcome, keyof OverSeeds>[]): OverSeeds {
  const over = (name: keyof OverSeeds): SeedSummary =>
    summarizeSeeds(outcomes.map((outcome) => outcome[name]));
  return {
    valWorstGroupAccuracy: over('valWorstGroupAccuracy'),
    testWorstGroupAccuracy: over('testWorstGroupAccuracy'),
    testAverage: over('testAverage'),
  };
}

/**
 * Test worst-group accuracy minus that of a reference, paired by the seeds that both have.
 *
 * @param margin the largest difference that would not matter, declared before the first run
 * @returns null where they share no seed
 */
export function differenceFrom(
  reference: readonly SeedOutcome[],
  outcomes: readonly SeedOutcome[],
  margin?: number,
): { readonly difference: PairedDifference; readonly seeds: readonly number[] } | null {
  const pairs = outcomes.flatMap((outcome) => {
    const other = reference.find(({ seed }) => seed === outcome.seed);
    return other ? [[outcome, other] as const] : [];
  });
  if (pairs.length === 0) return null;
  const difference = pairedDifference(
    pairs.map(([{ testWorstGroupAccuracy }]) => testWorstGroupAccuracy),
    pairs.map(([, { testWorstGroupAccuracy }]) => testWorstGroupAccuracy),
    margin,
  );
  return { difference, seeds: pairs.map(([{ seed }]) => seed) };
}
