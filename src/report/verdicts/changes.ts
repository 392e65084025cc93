import type { Outcome } from '../../experiments/outcomes.js';
import type { NullDistribution, TraceUnstructuredResult } from '../../experiments/results.js';
import { nullNamed, type NullName } from '../../neurons/nulls.js';
import { plural, probability, SPLIT_NAME } from '../format.js';
import { shortList, type GroupLabel } from '../views/groupLabels.js';
import { MARKED_P } from '../views/measuredChange.js';
import { nullsOf } from '../views/nulls.js';
import { PERTURBED } from '../views/perturbation.js';
import { adjustedIn, byCriterion, type AdjustedTests, type Selection } from '../views/selections.js';
import { pText, signed } from './words.js';

/** A set of neurons beside random ones: minority minus majority change. */
interface Compared {
  readonly selection: Selection;
  readonly criterion: string;
  readonly test: NullDistribution;
  /** After Holm's correction. */
  readonly adjusted: number;
}

/**
 * Whether the chosen neurons matter to minority groups more than to majority ones, and more than random neurons do (article, Figs 2,
 * 4 and 5): a sentence on accuracies, one on margins, and one for each further null.
 */
export function changesVerdict(trace: TraceUnstructuredResult, groups: readonly GroupLabel[]): string[] {
  const adjusted = adjustedIn(trace);
  const deed = capital(PERTURBED[trace.perturbation].deed);
  const [first, ...others] = nullsOf(trace.entries).filter(
    (null_) => compared(trace, null_, 'accuracy', adjusted).length > 0,
  );
  const most = largestDifference(trace);
  const what =
    most === undefined
      ? undefined
      : `The largest minority minus majority change of ${SPLIT_NAME[trace.split]} accuracy is ${signed(most.difference)}, ${setName(most.selection, most.criterion, groups)}.`;
  if (first === undefined) {
    return [
      `${deed} the chosen neurons was compared with no random neurons: nothing here tells whether these matter more than others.`,
      ...(what === undefined ? [] : [what]),
    ];
  }
  const margins = compared(trace, first, 'margin', adjusted);
  return [
    firstSentence(deed, first, compared(trace, first, 'accuracy', adjusted), trace, groups),
    ...(what === undefined ? [] : [what]),
    ...(margins.length > 0 ? [`By margins, which move with every example, ${counted(margins)}.`] : []),
    ...others.map(
      (null_) =>
        `Beside random neurons ${nullNamed(null_).words}, ${counted(compared(trace, null_, 'accuracy', adjusted))} by accuracy and ${counted(compared(trace, null_, 'margin', adjusted))} by margin.`,
    ),
  ];
}

function firstSentence(
  deed: string,
  null_: NullName,
  sets: readonly Compared[],
  trace: TraceUnstructuredResult,
  groups: readonly GroupLabel[],
): string {
  const { words } = nullNamed(null_);
  const passed = sets.filter(isPassed);
  const best = passed.filter(({ test }) => test.change < test.mean).sort(byP)[0];
  if (best) {
    const reversed = passed.length - passed.filter(({ test }) => test.change < test.mean).length;
    return (
      `${deed} the chosen neurons costs minority groups more than majority ones, beyond random neurons ${words}, in ` +
      `${passed.length - reversed} of ${plural(sets.length, 'set')}${reversed > 0 ? ` (in ${reversed}, less)` : ''}: clearest ` +
      `${setName(best.selection, best.criterion, groups)}, ${signed(best.test.change)} against ${signed(best.test.mean)}, ` +
      `${pText(probability(best.adjusted))} after Holm’s correction.`
    );
  }
  if (passed.length > 0) {
    return `It is the other way round: in ${passed.length} of ${plural(sets.length, 'set')}, ${deed.toLowerCase()} the chosen neurons costs minority groups less than majority ones, beyond random neurons ${words} (Holm-corrected).`;
  }
  const least = [...sets].sort(byP)[0];
  const draws = trace.controls?.draws ?? 0;
  const cannot = (2 / (1 + draws)) * sets.length > MARKED_P;
  if (cannot) {
    return (
      `Too few random neurons ${words} were tried to tell: with up to ${plural(draws, 'draw')} beside each of ${plural(sets.length, 'set')}, none could pass ` +
      `Holm’s correction. The least ${pText(probability(least?.test.pValue ?? Number.NaN))} before it.`
    );
  }
  return (
    `Random neurons ${words} do as much: ${pText(probability(least?.test.pValue ?? Number.NaN))} at the least of ` +
    `${plural(sets.length, 'set')}, ${probability(least?.adjusted ?? Number.NaN)} after Holm’s correction.`
  );
}

/** `3 of 24 sets stand out (least p after Holm’s correction 0.012)`. */
function counted(sets: readonly Compared[]): string {
  const passed = sets.filter(isPassed).length;
  const least = [...sets].sort(byP)[0];
  return `${passed === 0 ? 'none' : passed} of ${plural(sets.length, 'set')} ${passed === 1 ? 'stands' : 'stand'} out (least p after Holm’s correction ${probability(least?.adjusted ?? Number.NaN)})`;
}

function compared(
  trace: TraceUnstructuredResult,
  null_: NullName,
  outcome: Outcome,
  { tests, testOf }: AdjustedTests,
): Compared[] {
  return byCriterion([trace]).flatMap(({ criterion, selections }) =>
    selections.flatMap((selection) => {
      const test = testOf(selection.entry, null_, 'difference', outcome);
      return test ? [{ selection, criterion, test, adjusted: tests.get(test)?.pValue ?? Number.NaN }] : [];
    }),
  );
}

/** The set whose minority minus majority change is the largest in size. */
function largestDifference(
  trace: TraceUnstructuredResult,
): { readonly selection: Selection; readonly criterion: string; readonly difference: number } | undefined {
  return byCriterion([trace])
    .flatMap(({ criterion, selections }) =>
      selections.map((selection) => ({
        ...{ selection, criterion },
        difference: selection.entry.difference?.accuracy ?? Number.NaN,
      })),
    )
    .filter(({ difference }) => Number.isFinite(difference))
    .sort((a, b) => Math.abs(b.difference) - Math.abs(a.difference))[0];
}

/** `by gradient for G2*, k = 3`. */
function setName(
  { entry, groups: chosenFor }: Selection,
  criterion: string,
  groups: readonly GroupLabel[],
): string {
  const sigma = entry.sigma === null ? '' : `, σ = ${entry.sigma}`;
  return `by ${criterion} for ${shortList(chosenFor, groups)}, k = ${entry.k}${sigma}`;
}

function isPassed({ adjusted }: Compared): boolean {
  return adjusted <= MARKED_P;
}

function byP(a: Compared, b: Compared): number {
  return a.adjusted - b.adjusted || a.test.pValue - b.test.pValue;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
