import type { Row } from '../../kit/rows.js';
import {
  type PairedDifference,
  pairedDifference,
  type SeedSummary,
  summarizeSeeds,
} from '../../metrics/seeds.js';
import type { TrainingResult } from '../../train/results.js';

/** The measures that are summarized over seeds. */
export const MEASURES = ['valWorstGroupAccuracy', 'testWorstGroupAccuracy', 'testAverage'] as const;
/** The name of a measure. */
type Measure = (typeof MEASURES)[number];

/** Runs that differ in nothing but their seeds. */
type OverSeeds = Readonly<Record<Measure, SeedSummary>>;

/** The outcome of a finished run. Accuracies are fractions. */
export interface SeedOutcome extends Readonly<Record<Measure, number>> {
  readonly seed: number;
  /** The run's folder. */
  readonly run: string;
  readonly bestEpoch: number;
  /** Test accuracy of each group, [numGroups]. */
  readonly testAccuracy: readonly number[];
}

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

/** An outcome as a row, each group's accuracy in a column of its own. */
export function outcomeRow({ testAccuracy, ...outcome }: Omit<SeedOutcome, 'run'>): Row {
  return {
    ...outcome,
    ...Object.fromEntries(testAccuracy.map((value, group) => [`testAccuracy${group}`, value])),
  };
}

/** Groups items: each joins the first group that it fits, or starts a new one. */
export function grouped<Item>(
  items: readonly Item[],
  fits: (item: Item, group: readonly [Item, ...Item[]]) => boolean,
): [Item, ...Item[]][] {
  const groups: [Item, ...Item[]][] = [];
  for (const item of items) {
    const group = groups.find((one) => fits(item, one));
    if (group) group.push(item);
    else groups.push([item]);
  }
  return groups;
}

/** Means over at least one seed, with their intervals. */
export function summarizeOutcomes(outcomes: readonly Pick<SeedOutcome, Measure>[]): OverSeeds {
  const summaries = MEASURES.map((name) => [name, summarizeSeeds(outcomes.map((outcome) => outcome[name]))]);
  return Object.fromEntries(summaries) as OverSeeds;
}

/**
 * Test worst-group accuracy minus that of a reference, paired by the seeds that both have; null where they share none.
 *
 * @param margin the largest difference that would not matter, declared before the first run
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
    pairs.map(([own]) => own.testWorstGroupAccuracy),
    pairs.map(([, other]) => other.testWorstGroupAccuracy),
    margin,
  );
  return { difference, seeds: pairs.map(([{ seed }]) => seed) };
}
