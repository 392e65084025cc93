import { holm } from '../metrics/holm.js';
import type { PairedDifference } from '../metrics/seeds.js';
import { differenceFrom, type OverSeeds, type SeedOutcome, summarizeOutcomes } from './runs/overSeeds.js';

/** A paired difference with its p-values after Holm's correction over the study's differences from the same arm. */
export interface StudyDifference extends PairedDifference {
  readonly pValueHolm: number | null;
  readonly signFlipHolm: number | null;
}

/** An arm over seeds. */
export interface StudyRow extends OverSeeds {
  readonly arm: string;
  readonly seeds: readonly SeedOutcome[];
  /** Test worst-group accuracy minus the reference arm's, paired by seed; null for the reference itself. */
  readonly difference: StudyDifference | null;
}

/** A configuration of an arm, with a seed of the tuning. */
export interface TunedRun {
  readonly arm: string;
  readonly seed: number;
  readonly configuration: Readonly<Record<string, unknown>>;
  /** Validation worst-group accuracy. */
  readonly validation: number;
}

/** A study: its arms over seeds, and their differences from the reference. */
export interface StudyResult {
  readonly reference: string;
  /** The margin of the equivalence tests, a fraction; null: none was tested. */
  readonly equivalence: number | null;
  readonly rows: readonly StudyRow[];
  /** Where arms have grids: the runs that tried them, and by arm the configuration that was chosen. */
  readonly tuning?: {
    readonly runs: readonly TunedRun[];
    readonly chosen: Readonly<Record<string, TunedRun['configuration']>>;
  };
  /** The arm that matters most, minus each of the others: test worst-group accuracy, paired by seed. */
  readonly focus?: {
    readonly arm: string;
    readonly against: readonly { readonly arm: string; readonly difference: StudyDifference }[];
  };
}

/**
 * Summarizes a study over seeds: means, differences from the reference and of the focus, each corrected by Holm.
 *
 * @param outcomes by arm, in the order of the rows: one for each seed, at least one
 */
export function collectStudy(
  outcomes: ReadonlyMap<string, readonly SeedOutcome[]>,
  comparisons: { reference: string; focus?: string | undefined; equivalence?: number | undefined },
): StudyResult {
  const { reference, focus, equivalence } = comparisons;
  const arms = [...outcomes.keys()];
  const minus = (arm: string, other: string) =>
    arm === other
      ? null
      : (differenceFrom(outcomes.get(other) ?? [], outcomes.get(arm) ?? [], equivalence)?.difference ?? null);
  const differences = correct(arms.map((arm) => minus(arm, reference)));
  const rows = [...outcomes].map(([arm, seeds], i): StudyRow => {
    const difference = differences[i] ?? null;
    return { arm, seeds, ...summarizeOutcomes(seeds), difference };
  });
  const result = { reference, equivalence: equivalence ?? null, rows };
  if (focus === undefined) return result;
  const others = arms.filter((arm) => arm !== focus);
  const gains = correct(others.map((arm) => minus(focus, arm)));
  const against = others.flatMap((arm, i) => {
    const difference = gains[i];
    return difference ? [{ arm, difference }] : [];
  });
  return { ...result, focus: { arm: focus, against } };
}

/** Holm's correction of differences that are reported together. */
function correct(differences: readonly (PairedDifference | null)[]): (StudyDifference | null)[] {
  const byT = holm(differences.map((difference) => difference?.pValue));
  const bySigns = holm(differences.map((difference) => difference?.signFlip?.pValue));
  return differences.map(
    (difference, i) =>
      difference && { ...difference, pValueHolm: byT[i] ?? null, signFlipHolm: bySigns[i] ?? null },
  );
}
