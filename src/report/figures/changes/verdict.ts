import type { Outcome } from '../../../experiments/outcomes.js';
import { type NullName, nullNamed } from '../../../neurons/nulls.js';
import { capitalized, plural, probability, pText, signed, SPLIT_NAME } from '../../format.js';
import { type Groups, shortList } from '../../groupLabels.js';
import { type AdjustedTest, drawsToPass, largestBy, MARKED_P } from '../../traces/tests.js';
import { PERTURBED, type Selection, selectionsOf, type TraceView } from './view.js';

/** A set of neurons beside random ones: minority minus majority change. */
interface ComparedSet {
  readonly selection: Selection;
  readonly test: AdjustedTest;
}

/** Whether the chosen neurons matter more to minority groups, and more than random ones do (article, Figs 2, 4 and 5). */
export function changesVerdict(view: TraceView, groups: Groups): string[] {
  const { trace, nulls } = view;
  const gerund = capitalized(PERTURBED[trace.perturbation].gerund);
  const [first, ...others] = nulls.filter((null_) => comparedSets(view, null_, 'accuracy').length > 0);
  const most = largestBy(selectionsOf(view), differenceOf);
  const largest = most
    ? [
        `The largest minority minus majority change of ${SPLIT_NAME[trace.split]} accuracy is ${signed(differenceOf(most))}, ${setName(most, groups)}.`,
      ]
    : [];
  if (first === undefined) {
    return [
      `${gerund} the chosen neurons was compared with no random neurons: nothing here tells whether these matter more than others.`,
      ...largest,
    ];
  }
  const margins = comparedSets(view, first, 'margin');
  return [
    firstSentence(gerund, first, view, groups),
    ...largest,
    ...(margins.length > 0 ? [`By margins, which move with every example, ${counted(margins)}.`] : []),
    ...others.map(
      (null_) =>
        `Beside random neurons ${nullNamed(null_).words}, ${counted(comparedSets(view, null_, 'accuracy'))} by accuracy and ${counted(comparedSets(view, null_, 'margin'))} by margin.`,
    ),
  ];
}

function firstSentence(gerund: string, null_: NullName, view: TraceView, groups: Groups): string {
  const { words } = nullNamed(null_);
  const sets = comparedSets(view, null_, 'accuracy');
  const ofSets = plural(sets.length, 'set');
  const passed = sets.filter(isPassed);
  const costly = passed.filter(({ test }) => test.change < test.mean && test.change < 0);
  const reversed = passed.filter(({ test }) => test.change > test.mean && test.change > 0);
  const clearest = ({ selection, test }: ComparedSet): string =>
    `clearest ${setName(selection, groups)}, ${signed(test.change)} against ${signed(test.mean)}, ${pText(test.pHolm)} after Holm’s correction`;
  const [first] = passed;
  const [best] = costly;
  if (best) {
    return (
      `${gerund} the chosen neurons costs minority groups more than majority ones, beyond random neurons ${words}, in ` +
      `${costly.length} of ${ofSets}${reversed.length > 0 ? ` (in ${reversed.length}, less)` : ''}: ${clearest(best)}.`
    );
  }
  if (reversed.length > 0) {
    return `It is the other way round: in ${reversed.length} of ${ofSets}, ${gerund.toLowerCase()} the chosen neurons costs minority groups less than majority ones, beyond random neurons ${words} (Holm-corrected).`;
  }
  if (first) {
    return `In ${passed.length} of ${ofSets}, random neurons ${words} change minority minus majority accuracy the same way, and by more: ${clearest(first)}.`;
  }
  const least = sets[0]?.test;
  const leastP = pText(least?.pValue);
  const draws = view.trace.nullDraws;
  const needed = neededDraws(view);
  return needed !== undefined
    ? `Too few random neurons ${words} were tried to tell: with up to ${plural(draws, 'draw')} beside each of ${ofSets}, none could pass ` +
        `Holm’s correction; with ${needed} one could (null-draws ${needed} of spurmem trace unstructured). The least ${leastP} before it.`
    : `Not shown to cost minority groups more, beyond random neurons ${words}: ${leastP} at the least of ${ofSets}, ` +
        `${probability(least?.pHolm)} after Holm’s correction.`;
}

/** Draws with which the least p-value could pass Holm's correction, 2 / (1 + draws) of as many sets; undefined where as many were tried. */
export function neededDraws(view: TraceView): number | undefined {
  const [null_] = view.nulls.filter((name) => comparedSets(view, name, 'accuracy').length > 0);
  if (null_ === undefined) return undefined;
  const needed = drawsToPass(comparedSets(view, null_, 'accuracy').length);
  return view.trace.nullDraws < needed ? needed : undefined;
}

/** `3 of 24 sets stand out (least p after Holm’s correction 0.012)`. */
function counted(sets: readonly ComparedSet[]): string {
  const passed = sets.filter(isPassed).length;
  return `${passed === 0 ? 'none' : passed} of ${plural(sets.length, 'set')} ${passed === 1 ? 'stands' : 'stand'} out (least p after Holm’s correction ${probability(sets[0]?.test.pHolm)})`;
}

/** The sets that were compared with a null, the least p first. */
function comparedSets(view: TraceView, null_: NullName, outcome: Outcome): ComparedSet[] {
  return selectionsOf(view)
    .flatMap((selection) => {
      const test = selection.difference[null_]?.[outcome];
      return test ? [{ selection, test }] : [];
    })
    .sort((a, b) => a.test.pHolm - b.test.pHolm || a.test.pValue - b.test.pValue);
}

function differenceOf({ entry }: Selection): number {
  return entry.difference?.accuracy ?? Number.NaN;
}

/** `by gradient for G2*, k = 3`. */
function setName({ entry, groups: chosenFor }: Selection, groups: Groups): string {
  const sigma = entry.sigma === null ? '' : `, σ = ${entry.sigma}`;
  return `by ${entry.criterion} for ${shortList(chosenFor, groups)}, k = ${entry.k}${sigma}`;
}

function isPassed({ test }: ComparedSet): boolean {
  return test.pHolm <= MARKED_P;
}
