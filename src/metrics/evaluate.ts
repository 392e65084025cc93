import type { Batch, BatchLoader } from '../data/batches.js';
import type { Model } from '../models/model.js';
import { PendingReads, TensorScope } from '../native/context.js';
import type { WeightEdit } from '../native/interface.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { checkValues } from '../settings/options.js';
import { integer, oneOf } from '../settings/values.js';
import { type GroupAccuracies, GroupCounter } from './groups.js';
import { type Loss, LOSSES, lossOf } from './loss.js';

/** A model on some examples. */
export interface Evaluation {
  readonly accuracies: GroupAccuracies;
  /** Mean loss over the examples. */
  readonly loss: number;
  /** Loss of each example, [N] in the order of the indices. */
  readonly losses: Float32Array;
  /** Predicted class of each example, [N]. */
  readonly predictions: Int32Array;
  /** [N, numClasses], if requested. */
  readonly logits?: Float32Array;
}

const EVALUATION = {
  types: { batchSize: integer(1), loss: oneOf(LOSSES) },
  required: ['batchSize'],
} as const;

/**
 * Runs a model in eval mode over examples of a dataset, by their positions in it, [N].
 *
 * @param options.loss default: cross-entropy
 * @param options.edits perturbations of the model, whose own weights do not change
 * @param options.logits whether to return the logits
 * @param options.lossLabels the losses' classes: the examples' own (default), or the predicted ones
 */
export async function evaluateModel(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & {
    readonly batchSize: number;
    readonly task: string;
    readonly loss?: Loss | undefined;
    readonly edits?: readonly WeightEdit[] | undefined;
    readonly logits?: boolean | undefined;
    readonly lossLabels?: 'own' | 'predicted' | undefined;
  },
): Promise<Evaluation> {
  checkValues(options, EVALUATION);
  const { dataset } = loader;
  const { context } = model;
  const { task } = options;
  const counter = new GroupCounter(dataset.numGroups);
  const share = context.shareOfBatches(indices.length, options.batchSize);
  const { positions, total } = share;
  const losses = new Float32Array(positions.length);
  const predictions = new Int32Array(positions.length);
  const { numClasses } = dataset;
  const kept = options.logits === true ? new Float32Array(positions.length * numClasses) : undefined;
  const own = positions.map((position) => indices[position] as number);
  let done = 0;
  await using pending = new PendingReads(context);
  for await (const batch of loader.evaluation(own, options.batchSize)) {
    const { indices: examples } = batch;
    await pending.add({
      ...(await answers(model, batch, options)),
      finish([predicted, lossesOfBatch, logitsOfBatch = []]) {
        losses.set(lossesOfBatch, done);
        kept?.set(logitsOfBatch, done * numClasses);
        predictions.set(predicted, done);
        counter.addBatch(dataset, examples, predicted);
        done += examples.length;
        options.onProgress?.({ task, done, total: own.length, unit: 'images' });
      },
    });
  }
  await pending.drain();
  const all = {
    losses: await context.gatherShares(losses, share, new Float32Array(total)),
    predictions: await context.gatherShares(predictions, share, new Int32Array(total)),
    ...(kept && { logits: await context.gatherShares(kept, share, new Float32Array(total * numClasses)) }),
  };
  return {
    accuracies: (await counter.ofProcesses(context)).accuracies(dataset.counts.train),
    loss: all.losses.reduce((sum, value) => sum + value, 0) / total,
    ...all,
  };
}

/** Runs a batch, whose tensors it frees; its predictions, losses and logits are read while the next batch runs. */
async function answers(
  { network, context }: Model,
  { images, labels }: Batch,
  { loss, edits, lossLabels, signal, task, ...options }: Parameters<typeof evaluateModel>[3],
) {
  using scope = new TensorScope();
  scope.own({ images, labels });
  throwIfAborted(signal, task);
  const { logits } = await network.run(images, { edits });
  const predicting = logits.argmax();
  const losses = async (): Promise<Float32Array> => {
    using predicted = lossLabels === 'predicted' ? await context.tensor(await predicting) : undefined;
    using each = await lossOf(logits, predicted ?? labels, 'none', loss);
    return (await each.data()) as Float32Array;
  };
  // Losses may read them while the next batch runs.
  scope.release(labels);
  return {
    // All at once: the next kernel need not wait for JavaScript to have seen the last one's result.
    read: Promise.all([
      predicting,
      losses(),
      options.logits === true ? (logits.data() as Promise<Float32Array>) : undefined,
    ]),
    dispose() {
      logits.dispose();
      labels.dispose();
    },
  };
}
