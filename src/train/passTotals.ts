import type { Dataset } from '../data/dataset.js';
import { countCorrect } from '../metrics/evaluate.js';
import { GroupCounter } from '../metrics/groups.js';
import type { ComputeContext } from '../native/context.js';
import type { PassProgress } from './checkpoint.js';
import type { EpochTraining } from './results.js';

/** The measurements of a pass over batches: sums of the examples' losses, and predictions by group. */
export class PassTotals {
  readonly #dataset: Dataset;
  readonly #counter: GroupCounter;
  readonly #terms: Map<string, number>;
  #loss: number;

  /** @param before what the pass had measured when it was left */
  constructor(dataset: Dataset, before: PassProgress | undefined) {
    this.#dataset = dataset;
    this.#counter = new GroupCounter(dataset.numGroups, before?.counts);
    this.#terms = new Map(Object.entries(before?.termSums ?? {}));
    this.#loss = before?.lossSum ?? 0;
  }

  /** Adds a batch of these examples: its mean loss, each term of it by name, and its predictions, [N]. */
  add(
    indices: Int32Array,
    loss: number,
    terms: readonly (readonly [name: string, mean: number])[],
    predictions: Int32Array,
  ): void {
    const size = indices.length;
    this.#loss += loss * size;
    for (const [name, mean] of terms) this.#terms.set(name, (this.#terms.get(name) ?? 0) + mean * size);
    countCorrect(this.#counter, this.#dataset, indices, predictions);
  }

  /** The sums so far, as a checkpoint keeps them. */
  progress(batches: number): PassProgress {
    const termSums = Object.fromEntries(this.#terms);
    return { batches, lossSum: this.#loss, termSums, counts: this.#counter.counts };
  }

  /**
   * The means of all processes.
   *
   * @param examples of the whole pass
   */
  async means(context: ComputeContext, examples: number): Promise<EpochTraining> {
    const totals = await context.sum(Float64Array.of(this.#loss, ...this.#terms.values()));
    const [trainLoss = Number.NaN, ...means] = Array.from(totals, (sum) => sum / examples);
    const names = [...this.#terms.keys()];
    const counter = await this.#counter.ofProcesses(context);
    return {
      trainLoss,
      train: counter.accuracies(this.#dataset.counts.train),
      ...(names.length > 0
        ? { lossTerms: Object.fromEntries(names.map((name, i) => [name, means[i] as number])) }
        : {}),
    };
  }
}
