import type { BatchLoader } from '../data/batches.js';
import { SpurmemError } from '../errors.js';
import { lossOf, type Loss } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import { native, type Generator, type Tensor, type Unit, type WeightEdit } from '../native/addon.js';
import { processGroup, shareOfBatches } from '../native/processGroup.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { requireValue } from '../settings/setting.js';
import { integer } from '../settings/values.js';

/** The magnitude criterion: ||z_i||_2 of each neuron's weights, [M] in layer order. */
export async function magnitudeScores(model: Model, unit: Unit = 'neuron'): Promise<Float32Array> {
  using norms = await model.network.neuronScores('weight', unit);
  return (await norms.data()) as Float32Array;
}

/** How a gradient is taken. */
export interface GradientOptions extends JobOptions {
  /** Examples a pass; the passes' gradients add up to that of all. */
  readonly batchSize: number;
  readonly unit?: Unit | undefined;
  /** Default: cross-entropy. */
  readonly loss?: Loss | undefined;
  /** Classes to take for the examples' own, such as pseudo labels, in the order of the indices. */
  readonly labels?: Int32Array | undefined;
  /** Leaves the gradients that are there in the sum. */
  readonly addsToGradient?: boolean | undefined;
  /** The loss is the sum of the examples' losses times these, [N]; default: their mean. */
  readonly weights?: Float32Array | undefined;
  /** Perturbations under which the gradient is taken. */
  readonly edits?: readonly WeightEdit[] | undefined;
}

/**
 * The gradient criterion (article, Eq. 1): ||v(i, j)||_2 of each neuron, [M] in layer order, where v is the gradient of
 * the mean loss on the given examples. The model is in eval mode.
 *
 * @param indices positions in the dataset's examples
 */
export async function gradientScores(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: GradientOptions,
): Promise<Float32Array> {
  return scoresOfGradient('gradient', model, loader, indices, options);
}

/**
 * -(g . w) of each neuron, [M] in layer order, of its weights w and their gradients g as `gradientScores` takes them: how
 * much the mean loss on the given examples grows where the neuron is zeroed, by a Taylor expansion to first order (Molchanov
 * et al., "Pruning Convolutional Neural Networks for Resource Efficient Inference", 2017, Eq. 7, there without the sign).
 *
 * @param indices positions in the dataset's examples
 */
export async function gradientXWeightScores(
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: GradientOptions,
): Promise<Float32Array> {
  return scoresOfGradient('gradient-x-weight', model, loader, indices, options);
}

async function scoresOfGradient(
  score: 'gradient' | 'gradient-x-weight',
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: GradientOptions,
): Promise<Float32Array> {
  // What is there is that of all processes already.
  const group = options.addsToGradient === true ? undefined : processGroup();
  if (options.addsToGradient !== true) await model.network.zeroGrad();
  const positions = group
    ? shareOfBatches(indices.length, options.batchSize).positions
    : Int32Array.from(indices.keys());
  const own = positions.map((position) => indices[position] as number);
  let done = 0;
  try {
    for await (const batch of loader.evaluation(own, options.batchSize)) {
      using current = batch;
      throwIfAborted(options.signal, 'scoring');
      using logits = await model.network.forward(current.images, { grad: true, edits: options.edits });
      const size = current.indices.length;
      const ofBatch = positions.subarray(done, done + size);
      using labels =
        options.labels &&
        (await native().tensor(
          ofBatch.map((position) => options.labels?.[position] as number),
          [size],
          model.device,
        ));
      if (options.weights) {
        const weights = Float32Array.from(ofBatch, (position) => options.weights?.[position] as number);
        using sum = await weightedSum(logits, labels ?? current.labels, options.loss, weights);
        await sum.backward();
      } else {
        using loss = await lossOf(logits, labels ?? current.labels, 'mean', options.loss);
        await loss.backward(size / indices.length);
      }
      done += size;
    }
    if (group) await model.network.sumGradients(group.handle);
    using scores = await model.network.neuronScores(score, options.unit ?? 'neuron');
    return (await scores.data()) as Float32Array;
  } finally {
    await model.network.zeroGrad();
  }
}

async function weightedSum(
  logits: Tensor,
  labels: Tensor,
  loss: Loss | undefined,
  weight: Float32Array,
): Promise<Tensor> {
  using losses = await lossOf(logits, labels, 'none', loss);
  return await native().combine([{ tensor: losses, weight }]);
}

/** An example, by its position in the dataset's examples, and its loss. */
export interface ScoredExample {
  readonly index: number;
  readonly loss: number;
}

/** By which end of the losses the gradient's source is picked. */
export const GRADIENT_ORDERS = ['highest-loss', 'lowest-loss'] as const;
export type GradientOrder = (typeof GRADIENT_ORDERS)[number];

/** Which of a group's training samples the gradient criterion is taken on. */
export interface GradientSource {
  /** How many samples are picked by their loss. */
  readonly worst: number;
  /** How many of these are sampled without replacement. */
  readonly drawn: number;
  /** `highest-loss` picks the worst predicted samples, `lowest-loss` the best predicted ones. */
  readonly order: GradientOrder;
}

/** Throws `USAGE` when a number is no positive integer, or more samples are drawn than there are to draw from. */
export function requireGradientSource({ worst, drawn }: Pick<GradientSource, 'worst' | 'drawn'>): void {
  requireValue('gradientWorst', worst, integer(1));
  requireValue('gradientDrawn', drawn, integer(1));
  if (drawn <= worst) return;
  throw new SpurmemError(
    'USAGE',
    `\`gradientDrawn\` is ${drawn}, more than the ${worst} of \`gradientWorst\` that they are drawn from.`,
    {
      parameter: 'gradientDrawn',
      value: drawn,
      expected: `a whole number from 1 to ${worst}`,
      advice: [`Ask for 1 to ${worst}.`],
    },
  );
}

/**
 * The gradient's source (article, Methods): the `worst` examples with the highest loss, of which `drawn` are sampled
 * without replacement. Fewer where there are fewer. Equal losses go by position.
 *
 * @returns positions in the dataset's examples, in the order of their losses
 */
export function worstSamples(
  examples: readonly ScoredExample[],
  { worst, drawn, order, generator }: GradientSource & { readonly generator: Generator },
): Int32Array {
  const sign = order === 'highest-loss' ? -1 : 1;
  const pool = [...examples].sort((a, b) => sign * (a.loss - b.loss) || a.index - b.index).slice(0, worst);
  const chosen = [...generator.randperm(pool.length).slice(0, drawn)].sort((a, b) => a - b);
  return Int32Array.from(chosen, (position) => (pool[position] as ScoredExample).index);
}
