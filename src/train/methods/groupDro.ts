import type { Batch, Batches } from '../../data/batches.js';
import type { Dataset } from '../../data/dataset.js';
import { inverseSizes, weightedDraw } from '../../data/sampling.js';
import { invalidParameter } from '../../errors.js';
import { lossOf } from '../../metrics/loss.js';
import { native } from '../../native/addon.js';
import { setting, type ValuesOf } from '../../settings/setting.js';
import { nonNegative, oneOf, positive } from '../../settings/values.js';
import { fromData, type Recipe, RECIPE_SETTINGS } from '../recipe.js';
import type { BatchLoss, Run } from '../run.js';
import type { EpochsConfig } from '../runConfig.js';

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
    help: 'shuffle the training split, or draw with replacement and each group equally likely',
    default: 'group-balanced',
    source: 'groups equally likely in its published commands',
  }),
} as const;

type GroupDroConfig = EpochsConfig & ValuesOf<typeof SETTINGS>;

/**
 * GroupDRO (Sagawa et al. 2020, Algorithm 1 in batches as in its published code): each batch first multiplies the weight q_g of
 * each of its groups by exp(eta * (loss_g + C / sqrt(n_g))), where loss_g is the group's mean loss in the batch and n_g its
 * size in the training split, and normalizes q; the loss is the sum of q_g * loss_g, without the adjustment. The weights of
 * groups that a batch lacks are only normalized, as in the paper; the published code adds the adjustment to theirs too.
 */
export const groupDro: Recipe<typeof SETTINGS> = {
  name: 'groupdro',
  title: 'GroupDRO',
  description: 'GroupDRO: the groups\u2019 losses weighted towards the worst (Sagawa et al. 2020)',
  startsFrom: 'data',
  settings: { ...RECIPE_SETTINGS, ...SETTINGS },
  needsGroupsIn: 'train',
  start: (options) => fromData('groupdro', options, SETTINGS, requireEveryGroup),
  task(run) {
    const { config, loader, generator } = run;
    const { dataset } = loader;
    const { train } = dataset.splits;
    /** [numGroups], adding up to 1. */
    const q = run.state('q', new Float64Array(dataset.numGroups).fill(1 / dataset.numGroups));
    const ofExample = inverseSizes(train.map((index) => dataset.groups[index] as number));
    const batches = (): Batches<Batch> =>
      config.sampling === 'shuffled'
        ? loader.training(train, config.batchSize, generator)
        : loader.augmented(weightedDraw(train, ofExample, generator), config.batchSize, generator);
    return {
      async trainEpoch(epoch, lr) {
        const training = await run.trainBatches(epoch, lr, batches(), (batch) => robustLoss(run, q, batch));
        return { ...training, groupWeights: [...q.value] };
      },
    };
  },
};

/** A smaller batch could not show the loss of each group. */
function requireEveryGroup({ batchSize }: GroupDroConfig, { name, numGroups }: Dataset): void {
  if (batchSize >= numGroups) return;
  throw invalidParameter('batchSize', batchSize, `at least ${numGroups} here`, [
    `${name} has ${numGroups} groups: no smaller batch could show the loss of each.`,
  ]);
}

async function robustLoss(
  { config, model, loader: { dataset } }: Run<GroupDroConfig>,
  q: { value: Float64Array },
  { images, labels, indices }: Batch,
): Promise<BatchLoss> {
  const { logits } = await model.network.run(images, { statistics: 'shared', grad: true });
  using losses = await lossOf(logits, labels, 'none', config.loss);
  const groups = indices.map((index) => dataset.groups[index] as number);
  const { sums, sizes } = sumsByGroup((await losses.data()) as Float32Array, groups, dataset.numGroups);
  q.value = updated(q.value, sums, sizes, dataset.counts.train, config);
  // Each example's share of q_g * loss_g.
  const weight = Float32Array.from(groups, (group) => (q.value[group] as number) / (sizes[group] as number));
  return { logits, loss: await native().combine([{ tensor: losses, weight }]) };
}

/** The sum of a batch's losses, and its number of examples, by group: [numGroups] each. */
function sumsByGroup(losses: Float32Array, groups: Int32Array, numGroups: number) {
  const sums = new Float64Array(numGroups);
  const sizes = new Int32Array(numGroups);
  groups.forEach((group, i) => {
    sums[group] = (sums[group] as number) + (losses[i] as number);
    sizes[group] = (sizes[group] as number) + 1;
  });
  return { sums, sizes };
}

/** @param counts training examples of each group, [numGroups] */
function updated(
  q: Float64Array,
  sums: Float64Array,
  sizes: Int32Array,
  counts: readonly number[],
  { groupDroStep, groupDroAdjustment }: GroupDroConfig,
): Float64Array {
  const raised = q.map((weight, group) => {
    const size = sizes[group] as number;
    if (size === 0) return weight;
    const adjustment = groupDroAdjustment / Math.sqrt(counts[group] as number);
    return weight * Math.exp(groupDroStep * ((sums[group] as number) / size + adjustment));
  });
  const total = raised.reduce((sum, weight) => sum + weight, 0);
  return raised.map((weight) => weight / total);
}
