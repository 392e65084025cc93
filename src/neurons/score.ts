import type { BatchLoader } from '../data/batches.js';
import { misplaced } from '../errors.js';
import { type Loss, lossOf } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import { type Generator, native, type Tensor, type Unit, type WeightEdit } from '../native/addon.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

/** The magnitude criterion: ||z_i||_2 of each neuron's weights, [M] in layer order. */
export async function magnitudeScores(model: Model, unit: Unit = 'neuron'): Promise<Float32Array> {
  using norms = await model.network.neuronScores('weight', unit);
  return (await norms.data()) as Float32Array;
}

/** How a gradient is taken. */
interface GradientOptions extends JobOptions {
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
  const { context, network } = model;
  // Gradients that are there already are those of all processes.
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
      using logits = await network.forward(current.images, { grad: true, edits: options.edits });
      const size = current.indices.length;
      const ofBatch = positions.subarray(done, done + size);
      using labels =
        options.labels &&
        (await context.tensor(ofBatch.map((position) => options.labels?.[position] as number)));
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
    if (isShared) await context.sumGradients(network);
    using scores = await network.neuronScores(score, options.unit ?? 'neuron');
    return (await scores.data()) as Float32Array;
  } finally {
    await network.zeroGrad();
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
interface ScoredExample {
  readonly index: number;
  readonly loss: number;
}

/** By which end of the losses the gradient's source is picked. */
export const GRADIENT_ORDERS = ['highest-loss', 'lowest-loss'] as const;
export type GradientOrder = (typeof GRADIENT_ORDERS)[number];

/** Which samples the gradient criterion is taken on. */
interface GradientSource {
  /** How many samples are picked by their loss. */
  readonly gradientWorst: number;
  /** How many of these are sampled without replacement. */
  readonly gradientDrawn: number;
  /** `highest-loss` picks the worst predicted samples, `lowest-loss` the best predicted ones. */
  readonly gradientOrder: GradientOrder;
}

/** Throws `USAGE` when more samples are drawn than there are to draw from. */
export function requireGradientSource({
  gradientWorst: worst,
  gradientDrawn: drawn,
}: Pick<GradientSource, 'gradientWorst' | 'gradientDrawn'>): void {
  if (drawn <= worst) return;
  throw misplaced(
    'gradientDrawn',
    drawn,
    `a whole number from 1 to ${worst}`,
    `\`gradientDrawn\` is ${drawn}, more than the ${worst} of \`gradientWorst\` that they are drawn from.`,
    `Ask for 1 to ${worst}.`,
  );
}

/**
 * The gradient's source (article, Methods): the `gradientWorst` examples with the highest loss, of which `gradientDrawn` are
 * sampled without replacement. Fewer where there are fewer. Equal losses go by position.
 *
 * @returns positions in the dataset's examples, in the order of their losses
 */
export function worstSamples(
  examples: readonly ScoredExample[],
  { gradientWorst, gradientDrawn, gradientOrder }: GradientSource,
  generator: Generator,
): Int32Array {
  const sign = gradientOrder === 'highest-loss' ? -1 : 1;
  const pool = [...examples]
    .sort((a, b) => sign * (a.loss - b.loss) || a.index - b.index)
    .slice(0, gradientWorst);
  const chosen = [...generator.randperm(pool.length).slice(0, gradientDrawn)].sort((a, b) => a - b);
  return Int32Array.from(chosen, (position) => (pool[position] as ScoredExample).index);
}
