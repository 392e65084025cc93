import { accuracyInterval, changeInterval, meanInterval } from '../metrics/intervals.js';
import { mean, type Moments, standardDeviation } from '../metrics/statistics.js';
import type { NullName } from '../neurons/nulls.js';

/**
 * The outcomes of a perturbation for each example: whether the prediction is right; the margin, which is the logit of the class
 * minus the largest other one; and the cross-entropy loss in nats. Flips of few examples show little; margin and loss change for all.
 */
export const OUTCOMES = ['accuracy', 'margin', 'loss'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** Returns the prefix of the columns that compare an outcome with a null: `sameLayersAccuracy`. */
export function comparisonName(null_: NullName, outcome: Outcome): string {
  return `${null_}-${outcome}`.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

/** One group's examples under a variant, compared with the unperturbed model. */
export interface GroupOutcome {
  readonly total: number;
  /** Right under the variant. */
  readonly correct: number;
  /** Right before, wrong under the variant. */
  readonly lost: number;
  /** Wrong before, right under the variant. */
  readonly gained: number;
  /** The examples' margins and losses, perturbed minus baseline. */
  readonly margin: Moments;
  readonly loss: Moments;
}

/** One variant's outcomes by group, [numGroups]; null for groups with examples that were not requested. */
export type GroupOutcomes = readonly (GroupOutcome | null)[];

/** Returns perturbed minus baseline, averaged over a group's examples. Accuracies are fractions. */
export function changeOf({ gained, lost, total, margin, loss }: GroupOutcome, outcome: Outcome): number {
  if (outcome === 'accuracy') return (gained - lost) / total;
  return outcome === 'margin' ? margin.mean : loss.mean;
}

/**
 * Returns the mean change of the measured minority examples minus that of the measured majority ones. A majority group has at most
 * `samples`, so that large groups weigh the same. Undefined if either was not measured.
 */
export function minorityMinusMajority(
  ofGroups: GroupOutcomes,
  minorityGroups: readonly number[],
  outcome: Outcome,
): number | undefined {
  const pooled = (minority: boolean): number => {
    let sum = 0;
    let total = 0;
    for (const [index, group] of ofGroups.entries()) {
      if (minorityGroups.includes(index) !== minority) continue;
      if (!group) return Number.NaN;
      // The split has no example of it.
      if (group.total === 0) continue;
      sum += group.total * changeOf(group, outcome);
      total += group.total;
    }
    return sum / total;
  };
  const difference = pooled(true) - pooled(false);
  return Number.isFinite(difference) ? difference : undefined;
}

/** Returns the effect on one group, over one variant of a set of neurons or one per seed: means, and 95 % intervals over the examples. */
export function effectOn(variants: readonly GroupOutcome[]) {
  const over = (value: (variant: GroupOutcome) => number): number => mean(variants.map(value));
  const change = (outcome: Outcome): number => over((variant) => changeOf(variant, outcome));
  // A typical variant's counts: those of the mean over variants would make the intervals too narrow.
  const count = (name: 'total' | 'correct' | 'lost' | 'gained'): number => over((variant) => variant[name]);
  const moments = (name: 'margin' | 'loss'): Moments => ({
    count: variants[0]?.[name].count ?? 0,
    mean: over((variant) => variant[name].mean),
    variance: over((variant) => variant[name].variance),
  });
  const total = count('total');
  return {
    accuracy: over((variant) => variant.correct / variant.total),
    change: change('accuracy'),
    accuracyInterval: accuracyInterval(count('correct'), total),
    changeInterval: changeInterval({ total, lost: count('lost'), gained: count('gained') }),
    margin: change('margin'),
    marginInterval: meanInterval(moments('margin')),
    loss: change('loss'),
    lossInterval: meanInterval(moments('loss')),
  };
}

/** Returns the effect of one set of neurons on all groups, [numGroups] each, over variants measured on all of them. */
export function summarizeOutcomes(
  outcomes: readonly (readonly GroupOutcome[])[],
  minorityGroups: readonly number[],
) {
  const ofGroups = (outcomes[0] ?? []).map((_, group) =>
    outcomes.map((variant) => variant[group] as GroupOutcome),
  );
  const effects = ofGroups.map(effectOn);
  const over = <Name extends keyof ReturnType<typeof effectOn>>(name: Name) =>
    effects.map((effect) => effect[name]);
  const difference = (outcome: Outcome): number =>
    mean(outcomes.map((variant) => minorityMinusMajority(variant, minorityGroups, outcome) ?? Number.NaN));
  const accuracy = difference('accuracy');
  return {
    accuracy: over('accuracy'),
    change: over('change'),
    /** Standard deviation over variants; null for a single one. */
    changeStd:
      outcomes.length > 1
        ? ofGroups.map((variants) => standardDeviation(variants.map((one) => changeOf(one, 'accuracy'))))
        : null,
    accuracyInterval: over('accuracyInterval'),
    changeInterval: over('changeInterval'),
    margin: over('margin'),
    marginInterval: over('marginInterval'),
    loss: over('loss'),
    lossInterval: over('lossInterval'),
    difference: Number.isNaN(accuracy)
      ? null
      : { accuracy, margin: difference('margin'), loss: difference('loss') },
  };
}

/** A model's answers to a batch's examples, [N] each. */
export interface Judged {
  readonly right: readonly boolean[];
  /** Classes. */
  readonly predicted: readonly number[];
  readonly margins: Float64Array;
  readonly losses: Float64Array;
}

/** Judges logits, [N, C] in row-major order, by the classes, [N]. */
export function judge(logits: Float32Array, labels: ArrayLike<number>): Judged {
  const count = labels.length;
  const classes = logits.length / count;
  const right: boolean[] = [];
  const predicted: number[] = [];
  const margins = new Float64Array(count);
  const losses = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const label = labels[i] as number;
    const own = logits[i * classes + label] as number;
    let other = Number.NEGATIVE_INFINITY;
    let best = label;
    let isFirst = true;
    for (let c = 0; c < classes; c += 1) {
      if (c === label) continue;
      const value = logits[i * classes + c] as number;
      // An example with a NaN among its logits is never right.
      if (value > other || (Number.isNaN(value) && !Number.isNaN(other))) [other, best] = [value, c];
      // Like argmax: ties go to the lowest class.
      if (c < label && value === own) isFirst = false;
    }
    let sum = 0;
    const highest = Math.max(own, other);
    for (let c = 0; c < classes; c += 1) sum += Math.exp((logits[i * classes + c] as number) - highest);
    const isRight = own > other || (own === other && isFirst);
    right.push(isRight);
    predicted.push(isRight ? label : best);
    margins[i] = own - other;
    losses[i] = highest + Math.log(sum) - own;
  }
  return { right, predicted, margins, losses };
}
