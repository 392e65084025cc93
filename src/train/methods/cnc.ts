import type { Batch } from '../../data/batches.js';
import { invalidParameter, usageError } from '../../errors.js';
import { lossOf } from '../../metrics/loss.js';
import { native } from '../../native/addon.js';
import { TensorScope } from '../../native/context.js';
import { RANGES } from '../../settings/ranges.js';
import { setting, type ValuesOf } from '../../settings/setting.js';
import { integer, oneOf, positive, share } from '../../settings/values.js';
import { epochOfSets, imagesOf, SetSampler, type SetSizes, sidesOf } from '../cnc/contrastiveSets.js';
import { identify } from '../identification.js';
import { fromData, type Recipe, RECIPE_SETTINGS } from '../recipe.js';
import type { BatchLoss, Run } from '../run.js';
import type { EpochsConfig } from '../runConfig.js';

const SET_SIZE = 17;
const PER_SET = '17 on Waterbirds in its published commands, 64 on CelebA';

/** The published commands' for Waterbirds. */
const SETTINGS = {
  identificationEpochs: setting({
    type: integer(1),
    argument: 'T',
    help: 'epochs of the ERM model whose predictions are used',
    default: 60,
    source: 'its published commands start from a given, regularized model; 60 as JTT on Waterbirds',
  }),
  anchors: setting({
    type: integer(...RANGES.repeats),
    argument: 'n',
    help: 'examples like the anchor per set, itself included',
    default: SET_SIZE,
    source: PER_SET,
  }),
  positives: setting({
    type: integer(...RANGES.repeats),
    argument: 'M',
    help: 'positives per set: of the anchor\u2019s class, but predicted differently',
    default: SET_SIZE,
    source: `M; ${PER_SET}`,
  }),
  negatives: setting({
    type: integer(...RANGES.repeats),
    argument: 'N',
    help: 'negatives on each side of a set: of other classes, but predicted alike',
    default: SET_SIZE,
    source: `N; ${PER_SET}`,
  }),
  anchorShare: setting({
    type: share('a share', { whole: true }),
    argument: 'share',
    help: 'share of all anchors that an epoch uses',
    default: undefined,
    otherwise: 'as many as make an epoch as long as the training split',
    source:
      'all in its published command for Waterbirds, so that its 5 epochs show more than 300 times as many images as the split has; 0.1 for CelebA',
  }),
  temperature: setting({
    type: positive(),
    argument: 'tau',
    help: 'of the contrastive loss',
    default: 0.1,
    source: 'tau; 0.1 on Waterbirds in its published commands, 0.05 on CelebA',
  }),
  contrastWeight: setting({
    type: share('a weight'),
    argument: 'lambda',
    help: 'weight of the contrastive loss; the cross-entropy has 1 minus this',
    default: 0.75,
    source: 'lambda; 0.75 in its published commands',
  }),
  statistics: setting({
    type: oneOf(['shared', 'frozen']),
    argument: 'how',
    help: 'batch-norm in training: with the batch\u2019s statistics, or with those of the initial weights',
    default: 'shared',
    source:
      'its published code keeps those of its ImageNet weights (frozen); random weights have none to keep',
  }),
} as const;

type CncConfig = EpochsConfig & ValuesOf<typeof SETTINGS>;

/**
 * Correct-n-Contrast (Zhang et al. 2022): the predictions of an identification model (`identify`) stand for the spurious
 * attribute, so that no group label is used. The model is trained from the initial weights on sets of images (`SetSampler`):
 * lambda times the supervised contrastive loss of the penultimate features, of both sides of a set, plus 1 - lambda times the
 * cross-entropy of all images.
 *
 * A step takes as many whole sets as `batchSize` holds. The published code adds up the gradients of 32 sets for a step
 * (`batchSize` 2176), takes equally many anchors of each prediction, where here each anchor is equally likely, and trains by
 * SGD with weight decay, where this is ERM's recipe.
 */
export const cnc: Recipe<typeof SETTINGS> = {
  name: 'cnc',
  title: 'CnC',
  description:
    'Correct-n-Contrast: ERM, and contrast by an earlier model\u2019s predictions (Zhang et al. 2022)',
  startsFrom: 'data',
  settings: { ...RECIPE_SETTINGS, ...SETTINGS },
  // As JTT's; and sets that fit the study's batches.
  inStudies: ({ epochs, batchSize }) => {
    const most = Math.max(1, Math.floor(batchSize / 4));
    const smaller = { anchors: most, positives: most, negatives: most };
    return {
      identificationEpochs: Math.max(1, Math.round(0.2 * epochs)),
      ...(most < SET_SIZE ? smaller : {}),
    };
  },
  start: (options) => fromData('cnc', options, SETTINGS, requireWholeSets),
  task(run, options) {
    const { config, loader, generator } = run;
    const { labels, splits } = loader.dataset;
    const { train } = splits;
    const ofTrain = train.map((index) => labels[index] as number);
    const predictions = run.state('predictions', new Int32Array());
    return {
      async begin() {
        predictions.value = await identify(run, options);
        if (train.some((index, i) => predictions.value[i] === labels[index])) return;
        const { identificationEpochs: epochs } = config;
        throw usageError(
          'identificationEpochs',
          epochs,
          'more epochs here',
          `\`identificationEpochs\` is ${epochs}, after which the identification model gets no training image right: there is no anchor.`,
          'Choose more `identificationEpochs`, with another `out`.',
        );
      },
      trainEpoch(epoch, lr) {
        const sampler = new SetSampler(ofTrain, predictions.value, config);
        const rows = epochOfSets(sampler, config.anchorShare, generator);
        const indices = rows.map((row) => train[row] as number);
        const images = imagesOf(sampler.sizes);
        const batchSize = Math.floor(config.batchSize / images) * images;
        const batches = loader.augmented(indices, batchSize, generator);
        return run.trainBatches(epoch, lr, batches, (batch) => contrastiveLoss(run, sampler.sizes, batch));
      },
    };
  },
};

function requireWholeSets(config: CncConfig): void {
  const images = imagesOf(config);
  if (config.batchSize >= images) return;
  throw invalidParameter('batchSize', config.batchSize, `at least ${images} here`, [
    `A set has that many images with ${config.anchors} \`anchors\`, ${config.positives} \`positives\` and 2 x ${config.negatives} \`negatives\`, and no step has less than a set.`,
  ]);
}

/** The loss of a batch of whole sets; its terms are the contrast of both sides and the cross-entropy, without lambda. */
async function contrastiveLoss(
  { config, model }: Run<CncConfig>,
  sizes: SetSizes,
  { images, labels, indices }: Batch,
): Promise<BatchLoss> {
  using scope = new TensorScope();
  const { statistics, temperature, contrastWeight } = config;
  const { features, logits } = scope.own(
    await model.network.run(images, { statistics, grad: true, features: true }),
  );
  const addon = native();
  const sides = [];
  for (const side of sidesOf(sizes, indices.length)) {
    sides.push({ tensor: scope.own(await addon.supervisedContrast(features, side, temperature)), weight: 1 });
  }
  const contrast = scope.own(await addon.combine(sides));
  const supervised = scope.own(await lossOf(logits, labels, 'mean', config.loss));
  const loss = await addon.combine([
    { tensor: contrast, weight: contrastWeight },
    { tensor: supervised, weight: 1 - contrastWeight },
  ]);
  scope.release(logits, contrast, supervised);
  return { loss, logits, terms: { contrast, supervised } };
}
