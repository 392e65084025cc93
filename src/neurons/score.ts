import type { BatchLoader } from '../data/batches.js';
import type { Model } from '../models/model.js';
import { native, type Generator, type Unit } from '../native/addon.js';
import { throwIfAborted, type JobOptions } from '../progress.js';

/** The magnitude criterion: ||z_i||_2 of each neuron's weights, [M] in layer order. */
export async function magnitudeScores(model: Model, unit: Unit = 'neuron'): Promise<Float32Array> {
  using norms = await model.network.neuronNorms('weight', unit);
  return (await norms.data()) as Float32Array;
}

/**
 * The gradient criterion (article, Eq. 1): ||v(i, j)||_2 of each neuron, [M] in layer order, where v is the gradient of
 * the mean cross-entropy on the given examples. The model is in eval mode.
 *
 * @param indices positions in the dataset's examples
 * @param options.batchSize examples a pass; the passes' gradients add up to that of the mean
 */
export async function gradientScores(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: JobOptions & { readonly batchSize: number; readonly unit?: Unit | undefined },
): Promise<Float32Array> {
  await model.network.zeroGrad();
  try {
    for await (const batch of loader.evaluation(indices, options.batchSize)) {
      using current = batch;
      throwIfAborted(options.signal, 'scoring');
      using logits = await model.network.forward(current.images, false, true, null);
      using loss = await native().crossEntropy(logits, current.labels, 'mean');
      await loss.backward(current.indices.length / indices.length);
    }
    using norms = await model.network.neuronNorms('gradient', options.unit ?? 'neuron');
    return (await norms.data()) as Float32Array;
  } finally {
    await model.network.zeroGrad();
  }
}

/** An example, by its position in the dataset's examples, and its cross-entropy. */
export interface ScoredExample {
  readonly index: number;
  readonly loss: number;
}

/**
 * The gradient's source (article, Methods): the `worst` examples with the highest loss, of which `drawn` are sampled
 * without replacement. Fewer where there are fewer.
 *
 * @returns positions in the dataset's examples, highest loss first
 */
export function worstSamples(
  examples: readonly ScoredExample[],
  {
    worst,
    drawn,
    generator,
  }: { readonly worst: number; readonly drawn: number; readonly generator: Generator },
): Int32Array {
  const pool = [...examples].sort((a, b) => b.loss - a.loss || a.index - b.index).slice(0, worst);
  const chosen = [...generator.randperm(pool.length).slice(0, drawn)].sort((a, b) => a - b);
  return Int32Array.from(chosen, (position) => (pool[position] as ScoredExample).index);
}
