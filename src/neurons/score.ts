import type { BatchLoader } from '../data/batches.js';
import { type Loss, lossOf } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import { native } from '../native/addon.js';
import type { Unit, WeightEdit } from '../native/interface.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

/** The magnitude criterion: ||z_i||_2 of each neuron's weights, [M] in layer order. */
export async function magnitudeScores(model: Model, unit: Unit = 'neuron'): Promise<Float32Array> {
  using norms = await model.network.neuronScores('weight', unit);
  return (await norms.data()) as Float32Array;
}

/**
 * The gradient criterion (article, Eq. 1): ||v(i, j)||_2 of each neuron, [M] in layer order, where v is the gradient of
 * the mean loss on the given examples. The model is in eval mode.
 *
 * @param indices positions in the dataset's examples
 * @param options.batchSize examples of a pass; the passes' gradients add up
 * @param options.loss default: cross-entropy
 * @param options.labels classes instead of the examples' own, such as pseudo labels, [N]
 * @param options.addsToGradient whether to add to the gradients that the model holds
 * @param options.weights the loss is the sum of the examples' losses times these, [N]; default: their mean
 * @param options.edits perturbations under which the gradient is taken
 * @param options.timesWeight gives -(g . w) of each neuron's weights w and their gradients g instead: the growth of the loss when the neuron
 *   is zeroed, by a Taylor expansion to first order (Molchanov et al., "Pruning Convolutional Neural Networks for Resource Efficient
 *   Inference", 2017, Eq. 7, there without the sign)
 */
export async function gradientScores(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & {
    readonly batchSize: number;
    readonly unit?: Unit | undefined;
    readonly loss?: Loss | undefined;
    readonly labels?: Int32Array | undefined;
    readonly addsToGradient?: boolean | undefined;
    readonly weights?: Float32Array | undefined;
    readonly edits?: readonly WeightEdit[] | undefined;
    readonly timesWeight?: boolean;
  },
): Promise<Float32Array> {
  const { context, network } = model;
  // The gradients that the model holds are summed over processes already.
  const isShared = options.addsToGradient !== true;
  if (isShared) await network.zeroGrad();
  const positions = isShared
    ? context.shareOfBatches(indices.length, options.batchSize).positions
    : Int32Array.from(indices.keys());
  const own = positions.map((position) => indices[position] as number);
  let done = 0;
  try {
    for await (const batch of loader.evaluation(own, options.batchSize)) {
      using current = batch;
      throwIfAborted(options.signal, 'scoring');
      using logits = (await network.run(current.images, { grad: true, edits: options.edits })).logits;
      const size = current.indices.length;
      const ofBatch = positions.subarray(done, done + size);
      using labels =
        options.labels &&
        (await context.tensor(ofBatch.map((position) => options.labels?.[position] as number)));
      if (options.weights) {
        const weight = Float32Array.from(ofBatch, (position) => options.weights?.[position] as number);
        using losses = await lossOf(logits, labels ?? current.labels, 'none', options.loss);
        using sum = await native().combine([{ tensor: losses, weight }]);
        await sum.backward();
      } else {
        using loss = await lossOf(logits, labels ?? current.labels, 'mean', options.loss);
        await loss.backward(size / indices.length);
      }
      done += size;
    }
    if (isShared) await context.sumGradients(network);
    const score = options.timesWeight === true ? 'gradient-x-weight' : 'gradient';
    using scores = await network.neuronScores(score, options.unit ?? 'neuron');
    return (await scores.data()) as Float32Array;
  } finally {
    await network.zeroGrad();
  }
}
