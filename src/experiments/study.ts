import { datasetOf } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import {
  pairedDifference,
  summarizeSeeds,
  type PairedDifference,
  type SeedSummary,
} from '../metrics/seeds.js';
import { throwIfAborted } from '../progress.js';
import { trainArm, type ArmOptions, type SeedOutcome, type StudyArm } from './studyArm.js';

export interface StudyOptions extends ArmOptions {
  readonly arms: readonly StudyArm[];
  /** The arm that the others are compared with; default: the first one. */
  readonly reference?: string | undefined;
  /** An arm that is compared with each of the others, besides. */
  readonly focus?: string | undefined;
  readonly seeds: readonly number[];
  readonly onStep?: ((step: string) => void) | undefined;
}

/** One row of a study. */
export interface StudyRow {
  readonly arm: string;
  readonly seeds: readonly SeedOutcome[];
  readonly valWorstGroupAccuracy: SeedSummary;
  readonly testWorstGroupAccuracy: SeedSummary;
  readonly testAverage: SeedSummary;
  /** Test worst-group accuracy minus the reference arm's, paired by seed; null for the reference itself. */
  readonly difference: PairedDifference | null;
}

export interface StudyResult {
  readonly reference: string;
  readonly rows: readonly StudyRow[];
  /** The arm that matters most, minus each of the others: test worst-group accuracy, paired by seed. */
  readonly focus?: {
    readonly arm: string;
    readonly against: readonly { readonly arm: string; readonly difference: PairedDifference }[];
  };
}

/**
 * Trains every arm with every seed, and summarizes over seeds. Each run is a run folder of its own: one that is finished is
 * not trained again, one that was stopped goes on, and arms with equal settings are one run.
 *
 * @throws `USAGE` without arms or seeds, and what training throws
 */
export async function runStudy(options: StudyOptions): Promise<StudyResult> {
  const { arms, seeds } = options;
  const [first] = arms;
  if (!first || seeds.length === 0) {
    throw new SpurmemError('USAGE', 'A study needs at least one setting and one seed: `seeds` is empty.', {
      ...{ parameter: 'seeds', value: seeds, expected: 'at least one seed' },
    });
  }
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
  const rows = arms.map(({ name }) => rowOf(name, outcomes, reference));
  const { focus } = options;
  return { reference, rows, ...(focus === undefined ? {} : { focus: compareFocus(focus, rows) }) };
}

function compareFocus(focus: string, rows: readonly StudyRow[]): StudyResult['focus'] & object {
  const valuesOf = ({ seeds }: StudyRow): number[] =>
    seeds.map(({ testWorstGroupAccuracy }) => testWorstGroupAccuracy);
  const own = rows.find(({ arm }) => arm === focus);
  if (!own) throw new RangeError(`The study has no arm ${focus}`);
  return {
    arm: focus,
    against: rows
      .filter(({ arm }) => arm !== focus)
      .map((row) => ({ arm: row.arm, difference: pairedDifference(valuesOf(own), valuesOf(row)) })),
  };
}

function rowOf(
  name: string,
  outcomes: ReadonlyMap<string, readonly SeedOutcome[]>,
  reference: string,
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
          ),
  };
}
