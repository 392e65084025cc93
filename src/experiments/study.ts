import { datasetOf } from '../data/dataset.js';
import { holm } from '../metrics/holm.js';
import {
  pairedDifference,
  summarizeSeeds,
  type PairedDifference,
  type SeedSummary,
} from '../metrics/seeds.js';
import { throwIfAborted } from '../progress.js';
import { checkArms, checkStudyOptions, STUDY_TYPES, type StudyOptions } from './studyOptions.js';
import { trainArm, type SeedOutcome, type StudyArm } from './studyArm.js';

/** A paired difference with its p-values after Holm's correction over the study's differences from the same arm. */
export interface StudyDifference extends PairedDifference {
  /** Left out by earlier versions, as the next one. */
  readonly pValueHolm?: number | null;
  readonly signFlipHolm?: number | null;
}

/** One row of a study. */
export interface StudyRow {
  readonly arm: string;
  readonly seeds: readonly SeedOutcome[];
  readonly valWorstGroupAccuracy: SeedSummary;
  readonly testWorstGroupAccuracy: SeedSummary;
  readonly testAverage: SeedSummary;
  /** Test worst-group accuracy minus the reference arm's, paired by seed; null for the reference itself. */
  readonly difference: StudyDifference | null;
}

/** A study: its arms over seeds, and their differences from the reference. */
export interface StudyResult {
  readonly reference: string;
  /** The margin of the equivalence tests, a fraction; null: none was tested. Left out by earlier versions. */
  readonly equivalence?: number | null;
  readonly rows: readonly StudyRow[];
  /** The arm that matters most, minus each of the others: test worst-group accuracy, paired by seed. */
  readonly focus?: {
    readonly arm: string;
    readonly against: readonly { readonly arm: string; readonly difference: StudyDifference }[];
  };
}

/**
 * Trains every arm with every seed, and summarizes over seeds. Each run is a run folder of its own: one that is finished is
 * not trained again, one that was stopped goes on, and arms with equal settings are one run.
 *
 * @throws `USAGE` without arms or seeds, and what training throws
 */
export async function runStudy(options: StudyOptions): Promise<StudyResult> {
  const required = ['arms', 'seeds', 'out', 'data', 'erm', 'finetune'];
  checkStudyOptions(options, { types: STUDY_TYPES, required });
  checkArms(options);
  const { arms, seeds } = options;
  const first = arms[0] as StudyArm;
  // Once for all runs.
  const { data: given, datasetOptions } = options;
  const data = await datasetOf(given, datasetOptions);
  const outcomes = new Map<string, SeedOutcome[]>(arms.map(({ name }) => [name, []]));
  let done = 0;
  for (const seed of seeds) {
    for (const arm of arms) {
      throwIfAborted(options.signal, arm.name);
      done += 1;
      options.onStep?.(`${done}/${arms.length * seeds.length} ${arm.name}, seed ${seed}`);
      outcomes.get(arm.name)?.push(await trainArm({ ...options, data }, arm, seed));
    }
  }
  const reference = options.reference ?? first.name;
  const { focus, equivalence } = options;
  const bare = arms.map(({ name }) => rowOf(name, outcomes, reference, equivalence));
  const corrected = correct(bare.map(({ difference }) => difference));
  const rows = bare.map((row, i) => ({ ...row, difference: corrected[i] ?? null }));
  return {
    ...{ reference, equivalence: equivalence ?? null, rows },
    ...(focus === undefined ? {} : { focus: compareFocus(focus, rows, equivalence) }),
  };
}

/** Holm's correction of differences that are told together. */
function correct(differences: readonly (PairedDifference | null)[]): (StudyDifference | null)[] {
  const byT = holm(differences.map((difference) => difference?.pValue));
  const bySigns = holm(differences.map((difference) => difference?.signFlip?.pValue));
  return differences.map(
    (difference, i) =>
      difference && {
        ...difference,
        pValueHolm: byT[i] ?? null,
        signFlipHolm: bySigns[i] ?? null,
      },
  );
}

function compareFocus(
  focus: string,
  rows: readonly StudyRow[],
  equivalence: number | undefined,
): StudyResult['focus'] & object {
  const valuesOf = ({ seeds }: StudyRow): number[] =>
    seeds.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy);
  const own = rows.find(({ arm }) => arm === focus);
  if (!own) throw new RangeError(`The study has no arm ${focus}`);
  const others = rows.filter(({ arm }) => arm !== focus);
  const differences = correct(
    others.map((row) => pairedDifference(valuesOf(own), valuesOf(row), equivalence)),
  );
  return {
    arm: focus,
    against: others.map(({ arm }, i) => ({ arm, difference: differences[i] as StudyDifference })),
  };
}

function rowOf(
  name: string,
  outcomes: ReadonlyMap<string, readonly SeedOutcome[]>,
  reference: string,
  equivalence: number | undefined,
): StudyRow {
  const seeds = outcomes.get(name) ?? [];
  const of = (key: 'valWorstGroupAccuracy' | 'testWorstGroupAccuracy' | 'testAverage'): number[] =>
    seeds.map((outcome) => outcome[key]);
  const compared = outcomes.get(reference);
  return {
    arm: name,
    seeds,
    valWorstGroupAccuracy: summarizeSeeds(of('valWorstGroupAccuracy')),
    testWorstGroupAccuracy: summarizeSeeds(of('testWorstGroupAccuracy')),
    testAverage: summarizeSeeds(of('testAverage')),
    difference:
      name === reference || !compared
        ? null
        : pairedDifference(
            of('testWorstGroupAccuracy'),
            compared.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy),
            equivalence,
          ),
  };
}
