import { OUTCOMES, type Outcome } from '../../experiments/outcomes.js';
import type {
  LayerEntry,
  NullDistribution,
  OutcomeTests,
  SetComparisons,
  TraceEntry,
} from '../../experiments/results.js';
import { holm } from '../../metrics/holm.js';
import { NULL_NAMES, type NullName } from '../../neurons/nulls.js';

/** The null that stands beside changes where there is room for one. */
export const FIRST_NULL: NullName = 'same-layers';

/** A group by its number, or what all minority examples do minus what all majority ones do. */
export type Compared = number | 'difference';

/** A set's change beside random neurons; undefined where it was not compared. */
export function comparedWith(
  { controls }: Pick<TraceEntry, 'controls'>,
  null_: NullName,
  compared: Compared,
  outcome: Outcome,
): NullDistribution | undefined {
  if (!controls) return undefined;
  if (isOfEarlierVersion(controls)) {
    return outcome === 'accuracy' && null_ === FIRST_NULL && compared !== 'difference'
      ? controls[compared]
      : undefined;
  }
  const found = controls[null_];
  return testsOf(compared === 'difference' ? found?.difference : found?.groups[compared], outcome);
}

/** The same of a layer's neurons and the group that they were chosen for. */
export function comparedLayer(
  { controls, group }: Pick<LayerEntry, 'controls' | 'group'>,
  null_: NullName,
  outcome: Outcome,
): NullDistribution | undefined {
  if (!controls) return undefined;
  if ('pValue' in controls) {
    return outcome === 'accuracy' && null_ === FIRST_NULL ? controls : undefined;
  }
  return testsOf(controls[null_]?.groups[group], outcome);
}

/** The nulls that some sets were compared with. */
export function nullsOf(entries: readonly Pick<TraceEntry | LayerEntry, 'controls'>[]): NullName[] {
  const isCompared = ({ controls }: Pick<TraceEntry | LayerEntry, 'controls'>, null_: NullName): boolean =>
    controls !== null &&
    ('pValue' in controls || isOfEarlierVersion(controls) ? null_ === FIRST_NULL : null_ in controls);
  return NULL_NAMES.filter((null_) => entries.some((entry) => isCompared(entry, null_)));
}

/** Holm-adjusted p-values, two-sided and for a drop. */
export interface AdjustedTest {
  readonly pValue: number;
  readonly pDrop: number | undefined;
}

/**
 * Adjusts the p-values of a figure's cells by Holm, for each null and outcome: what all groups changed under each distinct set of
 * neurons is one family, and the differences between minority and majority are another.
 *
 * @param sets distinct sets; a set that stands for several groups is one
 * @param cells what was compared of a set
 */
export function adjustedTests<Set>(
  sets: readonly Set[],
  cells: (set: Set, null_: NullName, outcome: Outcome) => readonly (NullDistribution | undefined)[],
): ReadonlyMap<NullDistribution, AdjustedTest> {
  const adjusted = new Map<NullDistribution, AdjustedTest>();
  for (const null_ of NULL_NAMES) {
    for (const outcome of OUTCOMES) {
      const family = sets.flatMap((set) => cells(set, null_, outcome)).filter((test) => test !== undefined);
      const pValues = holm(family.map(({ pValue }) => pValue));
      const drops = holm(family.map(({ pDrop }) => pDrop));
      family.forEach((test, i) => {
        adjusted.set(test, { pValue: pValues[i] as number, pDrop: drops[i] ?? undefined });
      });
    }
  }
  return adjusted;
}

function isOfEarlierVersion(
  controls: SetComparisons | NullDistribution | readonly NullDistribution[],
): controls is readonly NullDistribution[] {
  return Array.isArray(controls);
}

function testsOf(tests: OutcomeTests | null | undefined, outcome: Outcome): NullDistribution | undefined {
  return tests?.[outcome];
}
