import type { ComputeContext } from '../native/context.js';
import { accuracyInterval } from './intervals.js';
import type { GroupAccuracies } from './schemas.js';

export type { GroupAccuracies } from './schemas.js';

/**
 * Group accuracies from counts of each group, [numGroups]; at least one `total` must be above 0.
 *
 * @param trainTotal training examples, the weights of `trainWeightedAverage`
 */
export function groupAccuracies(
  correct: readonly number[],
  total: readonly number[],
  trainTotal: readonly number[],
): GroupAccuracies {
  const accuracy = correct.map((right, group) => right / (total[group] ?? Number.NaN));
  const worstGroupAccuracy = Math.min(...accuracy.filter((value) => !Number.isNaN(value)));
  const trainSum = sum(trainTotal);
  return {
    correct: [...correct],
    total: [...total],
    accuracy,
    interval: correct.map((right, group) => accuracyInterval(right, total[group] ?? Number.NaN)),
    worstGroup: accuracy.indexOf(worstGroupAccuracy),
    worstGroupAccuracy,
    average: sum(correct) / sum(total),
    trainWeightedAverage: sum(accuracy.map((value, group) => (value * (trainTotal[group] ?? 0)) / trainSum)),
  };
}

/** Correct predictions and examples of each group, [numGroups]. */
type GroupCounts = Pick<GroupAccuracies, 'correct' | 'total'>;

/** Counts correct predictions and examples per group as batches arrive. */
export class GroupCounter {
  readonly #correct: number[];
  readonly #total: number[];

  /** @param counted counts to start from; default: zeros */
  constructor(numGroups: number, counted?: GroupCounts) {
    const zeros = new Array<number>(numGroups).fill(0);
    this.#correct = [...(counted?.correct ?? zeros)];
    this.#total = [...(counted?.total ?? zeros)];
  }

  add(group: number, isCorrect: boolean): void {
    this.#total[group] = (this.#total[group] ?? 0) + 1;
    if (isCorrect) this.#correct[group] = (this.#correct[group] ?? 0) + 1;
  }

  /** Adds a batch by its positions in the dataset's examples and its predictions, [N] each. */
  addBatch(
    { labels, groups }: { readonly labels: Int32Array; readonly groups: Int32Array },
    indices: Int32Array,
    predictions: Int32Array,
  ): void {
    for (const [i, index] of indices.entries()) {
      this.add(groups[index] as number, predictions[i] === labels[index]);
    }
  }

  /** The counts of all processes together. */
  async ofProcesses(context: ComputeContext): Promise<GroupCounter> {
    const groups = this.#total.length;
    const sums = [...(await context.sum(Float64Array.of(...this.#correct, ...this.#total)))];
    return new GroupCounter(groups, { correct: sums.slice(0, groups), total: sums.slice(groups) });
  }

  accuracies(trainTotal: readonly number[]): GroupAccuracies {
    return groupAccuracies(this.#correct, this.#total, trainTotal);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
