import { meanText, signFlipTexts, withinText } from './cells.js';
import { numberOf, type RecordRow } from './records.js';
import type { StudyModels } from './schema.js';

/** The split that is traced where it is tested. */
export const TESTED_SPLIT = 'train';

/** A number of a recorded set of neurons. */
export type Value = (row: RecordRow) => number;

/** The recorded models of a benchmark. */
export interface Models {
  readonly benchmark: string;
  readonly tests: StudyModels['tests'];
  /** Groups that neurons are chosen for, and those of them that are minorities. */
  readonly groups: readonly number[];
  readonly minorities: readonly number[];
}

/** The change of the mean margin of the group that neurons are chosen for. */
export const own: Value = (row) => numberOf(row, `margin${String(row.chosenFor)}`);
/** A test over models. */
interface TestedSet {
  readonly name: string;
  readonly chosenFor: number;
  /** A model each. */
  readonly values: readonly number[];
}

/** The columns of `marginRows`, after the first. */
export function marginColumns({ tests }: Models): string[] {
  return ['chosen for', 'n', 'mean [95 %]', 'p', 'p, Holm', `90 % within ${tests.equivalence}`];
}

/** A row a test of margins; Holm's correction is over all of them. */
export function marginRows({ tests }: Models, sets: readonly TestedSet[]): string[][] {
  const pTexts = signFlipTexts(
    sets.map(({ values }) => values),
    tests.leastModels,
  );
  return sets.map(({ name, chosenFor, values }, i) => [
    name,
    `G${chosenFor}*`,
    String(values.length),
    meanText(values, 3),
    ...(pTexts[i] ?? []),
    withinText(values, tests.equivalence, 3),
  ]);
}

/** The groups' columns, minorities with a star. */
export function starred({ groups, minorities }: Models): string[] {
  return groups.map((group) => `G${group}${minorities.includes(group) ? '*' : ''}`);
}
