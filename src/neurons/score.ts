import type { BatchLoader } from '../data/batches.js';
import { misplaced } from '../errors.js';
import { type Loss, lossOf } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import { type Generator, native, type Unit, type WeightEdit } from '../native/addon.js';
import { type JobOptions, throwIfAborted } from '../progress.js';

/** The magnitude criterion: ||z_i||_2 of each neuron's weights, [M] in layer order. */
export async function magnitudeScores(model: Model, unit: Unit = 'neuron'): Promise<Float32Array> {
  using norms = await model.network.neuronScores('weight', unit);
  return (await norms.data()) as Float32Array;
}

interface GradientOptions extends JobOptions {
  /** The passes' gradients add up to that of all examples. */
  readonly batchSize: number;
  readonly unit?: Unit | undefined;
  /** Default: cross-entropy. */
  readonly loss?: Loss | undefined;
  /** Classes instead of the examples' own, such as pseudo labels, [N]. */
  readonly labels?: Int32Array | undefined;
  /** Leaves the gradients that are there in the sum. */
  readonly addsToGradient?: boolean | undefined;
  /** The loss is the sum of the examples' losses times these, [N]; default: their mean. */
  readonly weights?: Float32Array | undefined;
  /** Perturbations under which the gradient is taken. */
  readonly edits?: readonly WeightEdit[] | undefined;
}

/** @param indices positions in the dataset's examples */
type GradientScores = (
  model: Model,
  loader: BatchLoader,
  indices: Int32Array,
  options: GradientOptions,
) => Promise<Float32Array>;

/**
 * The gradient criterion (article, Eq. 1): ||v(i, j)||_2 of each neuron, [M] in layer order, where v is the gradient of
 * the mean loss on the given examples. The model is in eval mode.
 */
export const gradientScores: GradientScores = (...given) => scoresOfGradient('gradient', ...given);

/**
 * -(g . w) of each neuron, [M] in layer order, of its weights w and their gradients g as `gradientScores` takes them: the growth
 * of the mean loss where the neuron is zeroed, by a Taylor expansion to first order (Molchanov et al., "Pruning Convolutional
 * Neural Networks for Resource Efficient Inference", 2017, Eq. 7, there without the sign).
 */
export const gradientXWeightScores: GradientScores = (...given) =>
  scoresOfGradient('gradient-x-weight', ...given);

async function scoresOfGradient(
  score: 'gradient' | 'gradient-x-weight',
  ...[model, loader, indices, options]: Parameters<GradientScores>
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
    using scores = await network.neuronScores(score, options.unit ?? 'neuron');
    return (await scores.data()) as Float32Array;
  } finally {
    await network.zeroGrad();
  }
}

/** The end of the losses from which the gradient's samples are picked. */
export const GRADIENT_ORDERS = ['highest-loss', 'lowest-loss'] as const;
export type GradientOrder = (typeof GRADIENT_ORDERS)[number];

interface GradientSource {
  readonly gradientWorst: number;
  readonly gradientDrawn: number;
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
 * The gradient's samples (article, Methods), by their positions in the order of their losses: `gradientDrawn` drawn without
 * replacement from the `gradientWorst` examples with the highest loss, fewer where there are fewer. Equal losses go by position.
 */
export function worstSamples(
  examples: readonly { readonly index: number; readonly loss: number }[],
  { gradientWorst, gradientDrawn, gradientOrder }: GradientSource,
  generator: Generator,
): Int32Array {
  const sign = gradientOrder === 'highest-loss' ? -1 : 1;
  const pool = [...examples]
    .sort((a, b) => sign * (a.loss - b.loss) || a.index - b.index)
    .slice(0, gradientWorst);
  const chosen = [...generator.randperm(pool.length).slice(0, gradientDrawn)].sort((a, b) => a - b);
  return Int32Array.from(chosen, (place) => pool[place]?.index as number);
}
