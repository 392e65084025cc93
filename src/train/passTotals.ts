import type { Dataset } from '../data/dataset.js';
import { GroupCounter } from '../metrics/groups.js';
import type { ComputeContext } from '../native/context.js';
import type { EpochTraining } from './results.js';

/** Sums the examples' losses in a pass over batches, and counts its predictions by group. */
export class PassTotals {
  readonly #dataset: Dataset;
  readonly #counter: GroupCounter;
  readonly #terms = new Map<string, number>();
  #loss = 0;

  constructor(dataset: Dataset) {
    this.#dataset = dataset;
    this.#counter = new GroupCounter(dataset.numGroups);
  }

  /** Adds a batch by its mean loss, the means of the loss's terms, and its predictions, [N]. */
  add(
    indices: Int32Array,
    loss: number,
    terms: readonly (readonly [name: string, mean: number])[],
    predictions: Int32Array,
  ): void {
    const size = indices.length;
    this.#loss += loss * size;
    for (const [name, mean] of terms) this.#terms.set(name, (this.#terms.get(name) ?? 0) + mean * size);
    this.#counter.addBatch(this.#dataset, indices, predictions);
  }

  /** @param examples the number in all processes */
  async means(context: ComputeContext, examples: number): Promise<EpochTraining> {
    const totals = await context.sum(Float64Array.of(this.#loss, ...this.#terms.values()));
    const [trainLoss = Number.NaN, ...means] = Array.from(totals, (sum) => sum / examples);
    const lossTerms = Object.fromEntries(
      [...this.#terms.keys()].map((name, i) => [name, means[i] as number]),
    );
    const counter = await this.#counter.ofProcesses(context);
    return {
      trainLoss,
      train: counter.accuracies(this.#dataset.counts.train),
      ...(means.length > 0 ? { lossTerms } : {}),
    };
  }
}
