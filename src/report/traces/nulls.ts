import { type Outcome, OUTCOMES } from '../../experiments/outcomes.js';
import type { LayerEntry, NullDistribution, SetComparisons, TraceEntry } from '../../experiments/results.js';
import { holm } from '../../metrics/holm.js';
import { NULL_NAMES, type NullName } from '../../neurons/nulls.js';

/** The null that stands beside changes where there is room for one. */
export const FIRST_NULL: NullName = 'same-layers';

/** A group by its number, or what all minority examples do minus what all majority ones do. */
type Compared = number | 'difference';

/** Changes beside random neurons, by null and outcome; what was not compared is missing. */
export type Tests<Test = NullDistribution> = Readonly<
  Partial<Record<NullName, Readonly<Partial<Record<Outcome, Test>>>>>
>;

/** A change beside random neurons, with its p-values after Holm's correction, two-sided and for a drop. */
export interface AdjustedTest extends NullDistribution {
  readonly pHolm: number;
  readonly pDropHolm: number | undefined;
}

/** The tests of a set of neurons, of one group or of minority minus majority. */
export function testsOf({ controls }: Pick<TraceEntry | LayerEntry, 'controls'>, compared: Compared): Tests {
  if (!controls) return {};
  // Earlier versions compared accuracies alone, with random neurons of the same layers.
  if ('pValue' in controls) return { [FIRST_NULL]: { accuracy: controls } };
  if (isOfGroups(controls)) {
    const accuracy = compared === 'difference' ? undefined : controls[compared];
    return { [FIRST_NULL]: accuracy ? { accuracy } : {} };
  }
  const tests = Object.entries(controls).map(([null_, { groups, difference }]) => [
    null_,
    (compared === 'difference' ? difference : groups[compared]) ?? {},
  ]);
  return Object.fromEntries(tests) as Tests;
}

/** The nulls among some tests, in the order of `NULL_NAMES`. */
export function nullsOf(tests: readonly Tests[]): NullName[] {
  return NULL_NAMES.filter((null_) => tests.some((ofOne) => null_ in ofOne));
}

/**
 * Adjusts p-values by Holm (`holm`): for each null and outcome, the tests of all cells are one family.
 *
 * @param cells of distinct sets of neurons; a set that was chosen for several groups is one
 */
export function adjustByHolm(cells: readonly Tests[]): Tests<AdjustedTest>[] {
  const adjusted = cells.map(
    (cell) =>
      Object.fromEntries(Object.keys(cell).map((null_) => [null_, {}])) as Record<
        NullName,
        Partial<Record<Outcome, AdjustedTest>>
      >,
  );
  for (const null_ of nullsOf(cells)) {
    for (const outcome of OUTCOMES) {
      const family = cells.map((cell) => cell[null_]?.[outcome]);
      const pHolm = holm(family.map((test) => test?.pValue));
      const pDropHolm = holm(family.map((test) => test?.pDrop));
      adjusted.forEach((cell, i) => {
        const test = family[i];
        if (test) {
          cell[null_][outcome] = { ...test, pHolm: pHolm[i] as number, pDropHolm: pDropHolm[i] ?? undefined };
        }
      });
    }
  }
  return adjusted;
}

function isOfGroups(
  controls: SetComparisons | readonly NullDistribution[],
): controls is readonly NullDistribution[] {
  return Array.isArray(controls);
}
