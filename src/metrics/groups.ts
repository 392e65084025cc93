import type { ComputeContext } from '../native/context.js';
import { accuracyInterval } from './intervals.js';
import type { GroupAccuracies } from './schemas.js';

export type { GroupAccuracies } from './schemas.js';

/**
 * Group accuracies from counts.
 *
 * @param correct correct examples of each group, [numGroups]
 * @param total examples of each group, [numGroups], at least one of them above 0
 * @param trainTotal training examples of each group, [numGroups], the weights of `trainWeightedAverage`
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
export type GroupCounts = Pick<GroupAccuracies, 'correct' | 'total'>;

/** Counts correct predictions and examples per group as batches arrive. */
export class GroupCounter {
  readonly #correct: number[];
  readonly #total: number[];

  /** @param counted what another counter has counted, [numGroups] each; default: nothing */
  constructor(numGroups: number, counted?: GroupCounts) {
    this.#correct = counted ? [...counted.correct] : new Array<number>(numGroups).fill(0);
    this.#total = counted ? [...counted.total] : new Array<number>(numGroups).fill(0);
  }

  get counts(): GroupCounts {
    return { correct: [...this.#correct], total: [...this.#total] };
  }

  /** Adds one example: the group it belongs to, and whether its prediction was right. */
  add(group: number, isCorrect: boolean): void {
    this.#total[group] = (this.#total[group] ?? 0) + 1;
    if (isCorrect) this.#correct[group] = (this.#correct[group] ?? 0) + 1;
  }

  /** The counts of all processes together. */
  async ofProcesses(context: ComputeContext): Promise<GroupCounter> {
    const groups = this.#total.length;
    const sums = await context.sum(Float64Array.from([...this.#correct, ...this.#total]));
    const [correct, total] = [[...sums.subarray(0, groups)], [...sums.subarray(groups)]];
    return new GroupCounter(groups, { correct, total });
  }

  accuracies(trainTotal: readonly number[]): GroupAccuracies {
    return groupAccuracies(this.#correct, this.#total, trainTotal);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
