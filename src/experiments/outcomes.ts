import { accuracyInterval, changeInterval, type Interval, meanInterval } from '../metrics/intervals.js';
import { mean, type Moments, standardDeviation } from '../metrics/statistics.js';
import type { ComputeContext } from '../native/context.js';
import type { NullName } from '../neurons/nulls.js';

/**
 * The outcomes that a perturbation is judged by, example by example, from the same logits: whether the prediction is right; the margin, the
 * logit of the class minus the largest other; and the cross-entropy loss in nats. Flips of few examples tell little; margin and
 * loss move with every one.
 */
export const OUTCOMES = ['accuracy', 'margin', 'loss'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What the columns of a comparison of an outcome with a null begin with: `sameLayersAccuracy`. */
export function comparisonName(null_: NullName, outcome: Outcome): string {
  return `${null_}-${outcome}`.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

/** One group's examples under a variant, against the model as it is. */
export interface GroupOutcome {
  readonly total: number;
  /** Right under the variant. */
  readonly correct: number;
  /** Right before, wrong under the variant. */
  readonly lost: number;
  /** Wrong before, right under the variant. */
  readonly gained: number;
  /** The examples' margins, perturbed minus baseline. */
  readonly margin: Moments;
  /** The examples' losses, perturbed minus baseline. */
  readonly loss: Moments;
}

/** A number for each outcome. Accuracies are fractions. */
type OutcomeValues = Readonly<Record<Outcome, number>>;

/** Perturbed minus baseline, on the mean over a group's examples. */
export function changeOf({ gained, lost, total, margin, loss }: GroupOutcome, outcome: Outcome): number {
  if (outcome === 'accuracy') return (gained - lost) / total;
  return outcome === 'margin' ? margin.mean : loss.mean;
}

/**
 * The change of all minority examples minus that of all majority ones, over their groups' outcomes: what the article claims of
 * critical neurons.
 *
 * @param ofGroups by group, [numGroups]; null where it was not measured
 * @returns undefined where one of both was not measured
 */
export function minorityMinusMajority(
  ofGroups: readonly (GroupOutcome | null)[],
  minorityGroups: readonly number[],
  outcome: Outcome,
): number | undefined {
  const pooled = (minority: boolean): number => {
    const groups = ofGroups.filter((_, group) => minorityGroups.includes(group) === minority);
    let sum = 0;
    let total = 0;
    for (const group of groups) {
      if (!group) return Number.NaN;
      sum += group.total * changeOf(group, outcome);
      total += group.total;
    }
    return sum / total;
  };
  const difference = pooled(true) - pooled(false);
  return Number.isFinite(difference) ? difference : undefined;
}

/** The effect of one set of neurons, over one variant or one for each seed: means, and 95 % intervals over the examples. */
interface OutcomeSummary {
  readonly accuracy: number[];
  readonly change: number[];
  /** Standard deviation of the change over variants; null for a single one. */
  readonly changeStd: number[] | null;
  readonly accuracyInterval: Interval[];
  readonly changeInterval: Interval[];
  /** Change of the mean margin. */
  readonly margin: number[];
  readonly marginInterval: Interval[];
  /** Change of the mean loss. */
  readonly loss: number[];
  readonly lossInterval: Interval[];
  /** Minority minus majority change; null where it is not known. */
  readonly difference: OutcomeValues | null;
}

/** Summarizes the outcomes of variants of one set of neurons, each evaluated on all these groups. */
export function summarizeOutcomes(
  outcomes: readonly (readonly GroupOutcome[])[],
  groups: readonly number[],
  minorityGroups: readonly number[],
): OutcomeSummary {
  const over = <Value>(summarize: (ofGroup: GroupOutcome[]) => Value): Value[] =>
    groups.map((group) => summarize(outcomes.map((variant) => variant[group] as GroupOutcome)));
  const changes = (outcome: Outcome): number[] =>
    over((ofGroup) => mean(ofGroup.map((one) => changeOf(one, outcome))));
  return {
    accuracy: over((ofGroup) => mean(ofGroup.map(({ correct, total }) => correct / total))),
    change: changes('accuracy'),
    changeStd:
      outcomes.length > 1
        ? over((ofGroup) => standardDeviation(ofGroup.map((one) => changeOf(one, 'accuracy'))))
        : null,
    accuracyInterval: over((ofGroup) => {
      const { correct, total } = meanCounts(ofGroup);
      return accuracyInterval(correct, total);
    }),
    changeInterval: over((ofGroup) => changeInterval(meanCounts(ofGroup))),
    margin: changes('margin'),
    marginInterval: over((ofGroup) => meanInterval(meanMoments(ofGroup.map(({ margin }) => margin)))),
    loss: changes('loss'),
    lossInterval: over((ofGroup) => meanInterval(meanMoments(ofGroup.map(({ loss }) => loss)))),
    difference: differenceOf(outcomes, minorityGroups),
  };
}

function differenceOf(
  outcomes: readonly (readonly GroupOutcome[])[],
  minorityGroups: readonly number[],
): OutcomeValues | null {
  const of = (outcome: Outcome): number =>
    mean(outcomes.map((variant) => minorityMinusMajority(variant, minorityGroups, outcome) ?? Number.NaN));
  const difference = { accuracy: of('accuracy'), margin: of('margin'), loss: of('loss') };
  return Number.isNaN(difference.accuracy) ? null : difference;
}

type Counts = Pick<GroupOutcome, 'total' | 'correct' | 'lost' | 'gained'>;

/** Counts of a typical variant. */
function meanCounts(outcomes: readonly GroupOutcome[]): Counts {
  const count = (name: keyof Counts): number => mean(outcomes.map((outcome) => outcome[name]));
  return { total: count('total'), correct: count('correct'), lost: count('lost'), gained: count('gained') };
}

/** Moments of a typical variant: the mean over variants varies less than that between examples, so that intervals are not too narrow. */
function meanMoments(moments: readonly Moments[]): Moments {
  return {
    count: moments[0]?.count ?? 0,
    mean: mean(moments.map((one) => one.mean)),
    variance: mean(moments.map(({ variance }) => variance)),
  };
}

/** A model's answers to a batch's examples. */
export interface Judged {
  readonly right: readonly boolean[];
  /** The predicted classes, [N]. */
  readonly predicted: readonly number[];
  readonly margins: Float64Array;
  readonly losses: Float64Array;
}

/**
 * Judges logits.
 *
 * @param logits [N, C] in row-major order
 * @param labels the classes, [N]
 */
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
      if (value > other) [other, best] = [value, c];
      // As argmax: of equal logits the lowest class is predicted.
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

/** Outcomes of a group as its batches arrive. */
export class OutcomeCounter {
  #total = 0;
  #correct = 0;
  #lost = 0;
  #gained = 0;
  readonly #margin = new MomentSums();
  readonly #loss = new MomentSums();

  add(before: Judged, after: Judged): void {
    after.right.forEach((isRight, i) => {
      const wasRight = before.right[i] === true;
      this.#total += 1;
      if (isRight) this.#correct += 1;
      if (wasRight && !isRight) this.#lost += 1;
      if (!wasRight && isRight) this.#gained += 1;
      this.#margin.add((after.margins[i] as number) - (before.margins[i] as number));
      this.#loss.add((after.losses[i] as number) - (before.losses[i] as number));
    });
  }

  /** The counts, as numbers that `addCounted` takes in another process. */
  get counted(): readonly number[] {
    return [this.#correct, this.#lost, this.#gained, ...this.#margin.sums, ...this.#loss.sums];
  }

  addCounted(counted: ArrayLike<number>): void {
    const [correct = 0, lost = 0, gained = 0, ...sums] = Array.from(counted);
    this.#total += sums[0] ?? 0;
    this.#correct += correct;
    this.#lost += lost;
    this.#gained += gained;
    this.#margin.addSums(sums.slice(0, 3));
    this.#loss.addSums(sums.slice(3));
  }

  get outcome(): GroupOutcome {
    return {
      total: this.#total,
      correct: this.#correct,
      lost: this.#lost,
      gained: this.#gained,
      margin: this.#margin.moments,
      loss: this.#loss.moments,
    };
  }
}

/** The counters of all processes together, each as one of the same place. */
export async function countersOfProcesses(
  context: ComputeContext,
  counters: readonly OutcomeCounter[],
): Promise<OutcomeCounter[]> {
  const ofProcesses = await context.gather(
    Float64Array.from(counters.flatMap(({ counted }) => [...counted])),
  );
  return counters.map(({ counted: { length } }, i) => {
    const merged = new OutcomeCounter();
    for (const ofOne of ofProcesses) merged.addCounted(ofOne.subarray(i * length, (i + 1) * length));
    return merged;
  });
}

/** Moments by Welford's recurrence, which does not cancel, and its form for two sets (Chan et al. 1979). */
class MomentSums {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#count += 1;
    const distance = value - this.#mean;
    this.#mean += distance / this.#count;
    this.#squares += distance * (value - this.#mean);
  }

  get sums(): readonly [count: number, mean: number, squares: number] {
    return [this.#count, this.#mean, this.#squares];
  }

  addSums([count = 0, mean = 0, squares = 0]: readonly number[]): void {
    if (count === 0) return;
    const all = this.#count + count;
    const distance = mean - this.#mean;
    this.#mean += (distance * count) / all;
    this.#squares += squares + (distance ** 2 * this.#count * count) / all;
    this.#count = all;
  }

  get moments(): Moments {
    const count = this.#count;
    return {
      count,
      mean: count > 0 ? this.#mean : Number.NaN,
      variance: count > 1 ? this.#squares / (count - 1) : Number.NaN,
    };
  }
}
