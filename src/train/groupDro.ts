import type { Batch } from '../data/batches.js';
import { groupCounts, type Dataset } from '../data/dataset.js';
import { inverseSizes, weightedDraw } from '../data/sampling.js';
import { SpurmemError, requirePositive } from '../errors.js';
import { lossOf } from '../metrics/loss.js';
import { native } from '../native/addon.js';
import { DEFAULT_GROUP_DRO, type GroupDroSampling } from './baselineSettings.js';
import { recipeConfig } from './ermConfig.js';
import type { ErmOptions } from './erm.js';
import { weightsIn, weightsOut } from './methodState.js';
import type { TrainingResult } from './metrics.js';
import type { GroupDroConfig } from './runConfig.js';
import type { BatchLoss, Trainer, TrainingMethod } from './trainer.js';
import { trainRun } from './trainRun.js';

export interface GroupDroOptions extends ErmOptions {
  /** eta of the group weights' update; default: 0.01. */
  readonly groupDroStep?: number | undefined;
  /** C of the generalization adjustment; default: 0, none. */
  readonly groupDroAdjustment?: number | undefined;
  /** Default: `group-balanced`. */
  readonly sampling?: GroupDroSampling | undefined;
}

/**
 * GroupDRO (Sagawa et al. 2020, Algorithm 1 in batches as in its published code): each batch first multiplies the weight q_g of
 * each of its groups by exp(eta * (loss_g + C / sqrt(n_g))), where loss_g is the group's mean loss in the batch and n_g its
 * size in the training split, and normalizes q; the loss is the sum of q_g * loss_g. The adjustment changes no gradient, and
 * the reported loss leaves it out. A batch leaves the weights of groups that it lacks alone but for the normalization, as in
 * the paper; the published code adds the adjustment to theirs too.
 *
 * @throws `USAGE` for a value out of range or a batch size below the number of groups, and what `trainRun` and `recipeConfig`
 *   throw
 */
export async function trainGroupDro(options: GroupDroOptions): Promise<TrainingResult> {
  return trainRun(options, {
    configOf: (dataset) => groupDroConfig(options, dataset),
    weights: options.weights,
    method: groupDro,
  });
}

async function groupDroConfig(options: GroupDroOptions, dataset: Dataset): Promise<GroupDroConfig> {
  const config: GroupDroConfig = {
    command: 'train groupdro',
    ...(await recipeConfig(options, dataset)),
    groupDroStep: options.groupDroStep ?? DEFAULT_GROUP_DRO.groupDroStep,
    groupDroAdjustment: options.groupDroAdjustment ?? DEFAULT_GROUP_DRO.groupDroAdjustment,
    sampling: options.sampling ?? DEFAULT_GROUP_DRO.sampling,
  };
  requirePositive('--group-dro-step', config.groupDroStep);
  if (!(config.groupDroAdjustment >= 0 && Number.isFinite(config.groupDroAdjustment))) {
    throw new SpurmemError(
      'USAGE',
      `--group-dro-adjustment is ${config.groupDroAdjustment}: it takes a number of at least 0.`,
    );
  }
  if (config.batchSize < dataset.numGroups) {
    throw new SpurmemError(
      'USAGE',
      `--batch-size is ${config.batchSize}, and ${dataset.name} has ${dataset.numGroups} groups: no batch could show the loss of each. ` +
        `Choose a --batch-size of at least ${dataset.numGroups}.`,
    );
  }
  return config;
}

function groupDro(trainer: Trainer<GroupDroConfig>): TrainingMethod {
  const { config, loader, generator } = trainer;
  const { dataset } = loader;
  const { train } = dataset.splits;
  const weights = new GroupWeights(
    groupCounts(dataset, 'train'),
    config.groupDroStep,
    config.groupDroAdjustment,
  );
  const ofExample = inverseSizes(train.map((index) => dataset.groups[index] as number));
  const batches = (): AsyncIterable<Batch> =>
    config.sampling === 'shuffled'
      ? loader.training(train, config.batchSize, generator)
      : loader.augmented(weightedDraw(train, ofExample, generator), config.batchSize, generator);
  return {
    async trainEpoch(epoch, lr) {
      const training = await trainer.trainBatches(epoch, lr, batches(), train.length, (batch) =>
        robustLoss(trainer, weights, batch),
      );
      return { ...training, groupWeights: [...weights.q] };
    },
    stateDict: () => Promise.resolve({ q: weightsOut(weights.q) }),
    loadStateDict(state) {
      weights.q.set(weightsIn('q', state, dataset.numGroups));
      return Promise.resolve();
    },
  };
}

/** The loss of one batch: the sum of each group's mean loss times its updated weight. */
async function robustLoss(
  { config, model, loader: { dataset } }: Trainer<GroupDroConfig>,
  weights: GroupWeights,
  { images, labels, indices }: Batch,
): Promise<BatchLoss> {
  const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
  using losses = await lossOf(logits, labels, 'none', config.loss);
  const groups = indices.map((index) => dataset.groups[index] as number);
  const weight = weights.update((await losses.data()) as Float32Array, groups);
  return { logits, loss: await native().combine([{ tensor: losses, weight }]) };
}

/** GroupDRO's weights of the groups. */
export class GroupWeights {
  /** [numGroups], adding up to 1. */
  readonly q: Float64Array;
  readonly #adjustments: readonly number[];

  /**
   * @param counts training examples of each group, [numGroups]
   * @param step eta
   * @param adjustment C
   */
  constructor(
    counts: readonly number[],
    readonly step: number,
    adjustment: number,
  ) {
    this.q = new Float64Array(counts.length).fill(1 / counts.length);
    this.#adjustments = counts.map((count) => adjustment / Math.sqrt(count));
  }

  /**
   * Updates q by the losses of a batch.
   *
   * @param losses [N]
   * @param groups of the same examples, [N]
   * @returns the weight of each example in the batch's loss, q_g over the number of its group's examples, [N]
   */
  update(losses: Float32Array, groups: Int32Array): Float32Array {
    const { q, step } = this;
    const sums = new Float64Array(q.length);
    const counts = new Int32Array(q.length);
    groups.forEach((group, i) => {
      sums[group] = (sums[group] as number) + (losses[i] as number);
      counts[group] = (counts[group] as number) + 1;
    });
    const raised = q.map((weight, group) => {
      const count = counts[group] as number;
      if (count === 0) return weight;
      const adjusted = (sums[group] as number) / count + (this.#adjustments[group] as number);
      return weight * Math.exp(step * adjusted);
    });
    const total = raised.reduce((sum, weight) => sum + weight, 0);
    q.set(raised.map((weight) => weight / total));
    return Float32Array.from(groups, (group) => (q[group] as number) / (counts[group] as number));
  }
}
