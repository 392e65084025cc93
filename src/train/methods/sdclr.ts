import type { Tensor } from '../../native/addon.js';
import { TensorScope } from '../../native/tensorScope.js';
import { countNeurons, fractionToCount, unitLayers } from '../../neurons/select.js';
import { type GivenOf, protocolOf, resolveSettings, setting, type ValuesOf } from '../../settings/setting.js';
import { oneOf, positive, share } from '../../settings/values.js';
import { prefixed, withPrefix } from '../checkpoint.js';
import { continuationMethod, type ContinuationOptions } from '../continuation.js';
import { type FinetuneConfig, requireNegatives, withViews } from '../finetune/config.js';
import { addProjectionHead, finetuneLoss, SUPERVISION } from '../finetune/loss.js';
import { FINETUNE_SETTINGS, SUPERVISED_LOSSES } from '../finetune/settings.js';
import { partIn, partOut } from '../methodState.js';
import type { EpochsConfig } from '../runConfig.js';
import type { MethodRun, TrainedPart, Trainer } from '../trainer.js';
import { trainRun } from '../trainRun.js';

const OWN_SETTINGS = {
  sparsity: setting({
    type: share(),
    argument: 'share',
    help: 'share of all single weights that the pruned branch lacks',
    default: 0.9,
    source: '0.9 in its published commands for CIFAR, 0.3 for ImageNet-100',
  }),
  temperature: setting({
    type: positive(),
    argument: 'tau',
    help: 'of NT-Xent',
    default: 0.2,
    source: '0.2 in its published commands for CIFAR, 0.3 for ImageNet-100',
  }),
  supervision: setting({
    type: oneOf(SUPERVISION),
    argument: 'layers',
    help: 'the layers that the supervised loss trains: the last one, as a linear probe, or all, as in fine-tuning',
    default: 'last-layer',
    source: 'the contrastive loss alone trains the features; a linear layer on them tells how good they are',
  }),
  supervised: setting({
    type: oneOf(SUPERVISED_LOSSES),
    argument: 'loss',
    help: 'supervised loss',
    default: 'cross-entropy',
    source: 'cross-entropy of the linear layer',
  }),
} as const;

const { epochs, batchSize, lr, precision, ema, select, loss, lambda } = FINETUNE_SETTINGS;
const { viewAugmentation, weightDecay, scheduler } = FINETUNE_SETTINGS;
const RECIPE = { epochs, batchSize, lr, precision, ema, select, loss, lambda } as const;
const SETTINGS = { ...RECIPE, viewAugmentation, weightDecay, scheduler, ...OWN_SETTINGS } as const;

interface SdclrOptions extends ContinuationOptions, GivenOf<typeof SETTINGS> {}

type SdclrConfig = EpochsConfig &
  ValuesOf<typeof OWN_SETTINGS> &
  Pick<FinetuneConfig, 'lambda' | 'viewAugmentation'>;

/** The fixed part of fine-tuning's loss. */
const LOSS = {
  contrast: true,
  features: 'projection',
  statistics: 'shared',
  supervisedReduction: 'mean',
  supervisedForward: 'shared',
} as const;

/**
 * Self-damaging contrastive learning (Jiang et al. 2021), whose idea the article's fine-tuning shares, from the weights of a
 * run: NT-Xent between the model's projections of one view of a batch and those that the pruned model has of the other view.
 * Before each epoch, the share of the single weights that are smallest in all convolutions together is pruned (of vision
 * transformers, in the layers of their neurons). Gradients flow through both branches, and the pruned branch has batch-norms of
 * its own, which start as the model's.
 *
 * SDCLR learns without labels, and a linear layer on its frozen features is trained afterwards. So here: the supervised loss
 * trains the last layer alone (`supervision`), without lambda, but in the same steps, so that each epoch can be validated and
 * selected. With all layers supervised, it is the article's Eq. 5 with SDCLR's mask and batch-norms. Epochs, optimizer and
 * views are those of fine-tuning, and the projection head is SimCLR's, without the batch-norms that the published code has in
 * it.
 */
export const sdclr = continuationMethod<SdclrOptions, SdclrConfig>({
  name: 'sdclr',
  title: 'SDCLR',
  description: 'contrast a run\u2019s model with itself without 90 % of its weights (Jiang et al. 2021)',
  likeFinetuning: true,
  settings: SETTINGS,
  configOf(options, { config }, dataset) {
    const settings = resolveSettings(SETTINGS, protocolOf(SETTINGS, options), options);
    requireNegatives(settings.batchSize, dataset.splits.train.length);
    return withViews(settings, config, dataset);
  },
  run: (options, plan) => trainRun(options, { ...plan, method: selfDamaging }),
});

async function selfDamaging(trainer: Trainer<SdclrConfig>): Promise<MethodRun> {
  const { config, loader, model, generator } = trainer;
  const indices = loader.dataset.splits.train;
  const weights = countNeurons(unitLayers(model.description.layers, 'weight'));
  const count = fractionToCount(config.sparsity, weights);
  // Adam's steps of the last layer do not depend on its loss's weight, but the plateau would.
  const settings = { ...config, ...LOSS, lambda: config.supervision === 'last-layer' ? 1 : config.lambda };
  const head = await addProjectionHead(trainer);
  const norms = await addNorms(trainer);
  /** Those of this epoch. */
  let masks: Record<string, Tensor> = {};
  return {
    async beginEpoch() {
      masks = await model.network.magnitudeMasks(config.sparsity);
    },
    async trainEpoch(epoch, rate) {
      using scope = new TensorScope();
      scope.own(masks);
      const views = loader.trainingViews(indices, config.batchSize, generator, { ...config, views: 'two' });
      const pruned = { masks, norms: norms?.network };
      const training = await trainer.trainBatches(epoch, rate, views, (batch) =>
        finetuneLoss(settings, model, head.network, pruned, batch),
      );
      masks = {};
      return { ...training, mask: { count, total: weights, neurons: [] } };
    },
    async stateDict() {
      return {
        ...(await partOut('head', head)),
        ...(norms ? await partOut('norms', norms) : {}),
        ...prefixed('mask.', masks),
      };
    },
    async loadStateDict(state) {
      await partIn('head', state, head);
      if (norms) await partIn('norms', state, norms);
      const kept = Object.entries(withPrefix('mask.', state));
      for (const [layer, { data, shape }] of kept) masks[layer] = await model.context.tensor(data, shape);
    },
  };
}

/** The pruned branch's batch-norms, trained beside the model; undefined where it has none. */
async function addNorms(trainer: Trainer<SdclrConfig>): Promise<TrainedPart | undefined> {
  const norms = await trainer.model.network.copyNorms();
  if (norms.describe().parameters.length > 0) return trainer.addPart(norms);
  norms.dispose();
  return undefined;
}
