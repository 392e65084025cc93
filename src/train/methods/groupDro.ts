import type { Batch, Batches } from '../../data/batches.js';
import { inverseSizes, weightedDraw } from '../../data/sampling.js';
import { invalidParameter } from '../../errors.js';
import { lossOf } from '../../metrics/loss.js';
import { native } from '../../native/addon.js';
import { setting } from '../../settings/setting.js';
import { nonNegative, oneOf, positive } from '../../settings/values.js';
import type { BatchLoss } from '../batchLoss.js';
import { numbersOut, weightsIn } from '../methodState.js';
import { recipeMethod } from '../recipe.js';
import type { EpochsConfig } from '../runConfig.js';
import type { Trainer } from '../trainer.js';

/** The published code's defaults, and the sampling of its published commands. */
const SETTINGS = {
  groupDroStep: setting({
    type: positive(),
    argument: 'eta',
    help: 'step of the groups\u2019 weights',
    default: 0.01,
    source: 'eta; 0.01 in its published code',
  }),
  groupDroAdjustment: setting({
    type: nonNegative(),
    argument: 'C',
    help: 'adds C / sqrt(group size) to a group\u2019s loss',
    default: 0,
    source: 'C of the generalization adjustment; 0, none, in its published code',
  }),
  sampling: setting({
    type: oneOf(['shuffled', 'group-balanced']),
    argument: 'how',
    help: 'the training split shuffled, or drawn with replacement and each group equally likely',
    default: 'group-balanced',
    source: 'groups equally likely in its published commands',
  }),
} as const;

/**
 * GroupDRO (Sagawa et al. 2020, Algorithm 1 in batches as in its published code): each batch first multiplies the weight q_g of
 * each of its groups by exp(eta * (loss_g + C / sqrt(n_g))), where loss_g is the group's mean loss in the batch and n_g its
 * size in the training split, and normalizes q; the loss is the sum of q_g * loss_g, without the adjustment. The weights of
 * groups that a batch lacks are only normalized, as in the paper; the published code adds the adjustment to theirs too.
 */
export const groupDro = recipeMethod({
  name: 'groupdro',
  title: 'GroupDRO',
  description: 'GroupDRO: the groups\u2019 losses weighted towards the worst (Sagawa et al. 2020)',
  settings: SETTINGS,
  check({ batchSize }, { name, numGroups }) {
    if (batchSize >= numGroups) return;
    throw invalidParameter('batchSize', batchSize, `at least ${numGroups} here`, [
      `${name} has ${numGroups} groups: no smaller batch could show the loss of each.`,
    ]);
  },
  prepare(trainer) {
    const { config, loader, generator } = trainer;
    const { dataset } = loader;
    const { train } = dataset.splits;
    const weights = groupWeights(dataset.counts.train, config.groupDroStep, config.groupDroAdjustment);
    const ofExample = inverseSizes(train.map((index) => dataset.groups[index] as number));
    const batches = (): Batches<Batch> =>
      config.sampling === 'shuffled'
        ? loader.training(train, config.batchSize, generator)
        : loader.augmented(weightedDraw(train, ofExample, generator), config.batchSize, generator);
    return {
      async trainEpoch(epoch, lr) {
        const training = await trainer.trainBatches(epoch, lr, batches(), (batch) =>
          robustLoss(trainer, weights, batch),
        );
        return { ...training, groupWeights: [...weights.q] };
      },
      stateDict: () => ({ q: numbersOut(weights.q) }),
      loadStateDict(state) {
        weights.q.set(weightsIn('q', state, dataset.numGroups));
      },
    };
  },
});

async function robustLoss(
  { config, model, loader: { dataset } }: Trainer<EpochsConfig>,
  weights: ReturnType<typeof groupWeights>,
  { images, labels, indices }: Batch,
): Promise<BatchLoss> {
  const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
  using losses = await lossOf(logits, labels, 'none', config.loss);
  const groups = indices.map((index) => dataset.groups[index] as number);
  const weight = weights.update((await losses.data()) as Float32Array, groups);
  return { logits, loss: await native().combine([{ tensor: losses, weight }]) };
}

/** @param counts training examples of each group, [numGroups] */
function groupWeights(counts: readonly number[], step: number, adjustment: number) {
  const adjustments = counts.map((count) => adjustment / Math.sqrt(count));
  /** [numGroups], adding up to 1. */
  const q = new Float64Array(counts.length).fill(1 / counts.length);
  /**
   * Updates q by the losses and groups of a batch, [N] each, and returns the weight of each example in its loss: q_g over the
   * number of its group's examples.
   */
  const update = (losses: Float32Array, groups: Int32Array): Float32Array => {
    const sums = new Float64Array(q.length);
    const sizes = new Int32Array(q.length);
    groups.forEach((group, i) => {
      sums[group] = (sums[group] as number) + (losses[i] as number);
      sizes[group] = (sizes[group] as number) + 1;
    });
    const raised = q.map((weight, group) => {
      const size = sizes[group] as number;
      if (size === 0) return weight;
      const adjusted = (sums[group] as number) / size + (adjustments[group] as number);
      return weight * Math.exp(step * adjusted);
    });
    const total = raised.reduce((sum, weight) => sum + weight, 0);
    q.set(raised.map((weight) => weight / total));
    return Float32Array.from(groups, (group) => (q[group] as number) / (sizes[group] as number));
  };
  return { q, update };
}
