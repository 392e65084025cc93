import { BATCH_NORM_STATISTICS, type Unit } from '../../native/interface.js';
import { CHOICE_SETTINGS, type GradientOrder, MAGNITUDE_ORDERS } from '../../neurons/settings.js';
import type { Protocol } from '../../protocol.js';
import { protocolSetting, setting } from '../../settings/setting.js';
import { integer, oneOf, positive, share, toggle, valueType } from '../../settings/values.js';
import * as z from '../../zod.js';
import { AUGMENTATION_HELP, augmentationChoice, PUBLISHED_AS_TEXT } from '../augmentation.js';
import {
  EMA,
  ERM_SETTINGS,
  fixedSettings,
  kickInEpoch,
  type KickInRun,
  PRECISION_OF_START,
  TRACK_IMAGES,
} from '../ermSettings.js';

/**
 * The choice of the auxiliary model's masked neurons: by a criterion, by both of the article's (Table 10), or, as controls,
 * random ones of the whole model or of the layers that the gradient chooses from, or none.
 */
const CRITERIA = ['gradient', 'magnitude', 'gradient-x-weight'] as const;
const MASK_CRITERIA = [...CRITERIA, 'combined', 'random', 'random-same-layers', 'none'] as const;

/**
 * The training samples of the gradient criterion (Table 7) and the labels of their loss: all under their classes, all under the
 * model's predictions, or those of minority groups under their classes.
 */
const MASK_GRADIENT_SOURCES = ['true-labels', 'pseudo-labels', 'minority-groups'] as const;

/** NT-Xent compares projections of the penultimate features, those features, the logits, or their softmax. */
const CONTRASTED_FEATURES = ['projection', 'penultimate', 'logits', 'softmax'] as const;

/** Mean squared error of the prediction vector (article, Eq. 4), or cross-entropy (Table 4). */
const SUPERVISED_LOSSES = ['mse', 'cross-entropy'] as const;

const kickIn = valueType(z.union([z.literal('selected'), integer(1)]), {
  expected: 'an epoch from 1 on, or selected',
  form: 'integer or word',
});

const kickInDefault = (protocol: Protocol, words: string) => ({
  words,
  of: (run: object) => kickInEpoch(protocol, run as KickInRun),
});

/** The settings of fine-tuning (article, Methods, and "Spurious memorization by critical neurons"). */
export const FINETUNE_SETTINGS = {
  kickInEpoch: protocolSetting({
    type: kickIn,
    argument: 'n|selected',
    help: 'epoch of the run to start from, which the run must have kept, or its selected one',
    article: kickInDefault('article', '40 of 100, and the same share of fewer'),
    released: kickInDefault('released', '40 of 101, of CelebA 19, and the same share of fewer'),
    source: 'after 40 epochs of ERM; Table 5 compares 30, 40, 50 and 60',
    published: 'epoch 40 is written into the script, of CelebA 19',
  }),
  epochs: { ...ERM_SETTINGS.epochs, article: 20, released: 21, source: '20', published: '21' },
  batchSize: setting({
    type: integer(1),
    argument: 'n',
    help: 'batch size',
    default: 100,
    source: 'not given',
    published: '100',
  }),
  lr: setting({
    type: positive(),
    argument: 'rate',
    help: 'learning rate of Adam',
    default: 2e-4,
    source: '2e-4',
  }),
  precision: PRECISION_OF_START,
  ema: EMA,
  trackImages: TRACK_IMAGES,
  select: { ...ERM_SETTINGS.select, help: 'the epoch whose weights are tested', published: 'none' },
  loss: {
    ...ERM_SETTINGS.loss,
    help: 'loss that ranks samples, and the supervised loss if that is cross-entropy',
    source: 'cross-entropy of the logits',
    published: 'a softmax head before the cross-entropy',
  },
  criterion: protocolSetting({
    type: oneOf(MASK_CRITERIA),
    argument: 'name',
    help: 'how the masked neurons are chosen',
    article: 'gradient',
    released: 'magnitude',
    source: 'gradient; Table 10 compares it with magnitude and both',
    published:
      'magnitude alone: the share of the gradient\u2019s mask is 0, and a second mask would reset the first',
    isDeparture: true,
  }),
  fraction: protocolSetting({
    type: share(),
    argument: 'share',
    help: 'share of all neurons to mask',
    article: 0.0001,
    released: 0.01,
    source: '0.01 %',
    published: 'the default 0.01 is a fraction: 1 %',
    isDeparture: true,
  }),
  unit: protocolSetting<Unit>({
    ...CHOICE_SETTINGS.unit,
    released: {
      words: 'weight by magnitude and of vision transformers, neuron else',
      of: ({ criterion, isVit }) => (criterion === 'magnitude' || isVit === true ? 'weight' : 'neuron'),
    },
    published: 'single weights in the mask by magnitude and of vision transformers',
  }),
  gradientSource: protocolSetting({
    type: oneOf(MASK_GRADIENT_SOURCES),
    argument: 'source',
    help: 'samples and labels of the gradient',
    article: 'true-labels',
    released: 'true-labels',
    source:
      'two readings: the worst predicted by cross-entropy loss, that is under the classes (ablations, Table 7), and the model\u2019s predictions as pseudo labels (the framework\u2019s paragraph)',
    published: 'the classes',
  }),
  gradientWorst: CHOICE_SETTINGS.gradientWorst,
  gradientDrawn: CHOICE_SETTINGS.gradientDrawn,
  gradientOrder: protocolSetting<GradientOrder>({
    ...CHOICE_SETTINGS.gradientOrder,
    released: 'lowest-loss',
    published: 'the lowest',
  }),
  staleGradient: protocolSetting({
    type: toggle(),
    argument: 'yes|no',
    help: 'add the last training batch\u2019s gradient to the scores\u2019',
    article: false,
    released: true,
    source: 'no left-over gradient',
    published: 'not zeroed first: from the second epoch on, the last training batch\u2019s gradient is added',
    isDeparture: true,
  }),
  magnitudeLayers: CHOICE_SETTINGS.magnitudeLayers,
  magnitudeOrder: protocolSetting({
    type: oneOf(MAGNITUDE_ORDERS),
    argument: 'order',
    help: 'by which end magnitude chooses',
    article: 'largest',
    released: 'smallest',
    source: 'the neurons with the largest l2 norm',
    published: 'the smallest magnitude',
    isDeparture: true,
  }),
  contrast: setting({
    type: toggle(),
    argument: 'yes|no',
    help: 'train on NT-Xent in addition to the supervised loss',
    default: true,
    source: 'yes (Eq. 5)',
  }),
  temperature: setting({
    type: positive(),
    argument: 'tau',
    help: 'of NT-Xent',
    default: 0.5,
    source: 'not given',
    published: '0.5',
  }),
  lambda: protocolSetting({
    type: positive(),
    argument: 'weight',
    help: 'weight of the supervised loss',
    article: 10,
    released: 0.2,
    source: 'not given; Table 8 varies it. 10 is a choice of ours',
    published: '0.2',
  }),
  supervised: protocolSetting({
    type: oneOf(SUPERVISED_LOSSES),
    argument: 'loss',
    help: 'supervised loss',
    article: 'mse',
    released: 'cross-entropy',
    source: 'mean squared error (Eq. 4); Table 4 compares it with cross-entropy',
    published: 'cross-entropy; the squared error is commented out',
    isDeparture: true,
  }),
  supervisedReduction: setting({
    type: oneOf(['mean', 'sum']),
    argument: 'how',
    help: 'how the supervised loss is reduced over the batch',
    default: 'mean',
    source: 'the mean',
    published:
      'the squared error would be a sum, the cross-entropy is a mean: one lambda means two things. Measure the other with sum',
    isDeparture: true,
  }),
  supervisedForward: protocolSetting({
    type: oneOf(['shared', 'own']),
    argument: 'which',
    help: 'whether the supervised loss uses the contrasted view\u2019s logits or a forward pass of its own',
    article: 'shared',
    released: 'own',
    source: 'two branches',
    published:
      'three forward passes in training mode, all updating the batch-norm statistics, one of them with masked weights',
    isDeparture: true,
  }),
  features: protocolSetting({
    type: oneOf(CONTRASTED_FEATURES),
    argument: 'which',
    help: 'what NT-Xent compares',
    article: 'projection',
    released: 'softmax',
    source: 'behind a projection head, as SimCLR',
    published: 'the softmax outputs',
    isDeparture: true,
  }),
  views: protocolSetting({
    type: oneOf(['two', 'one']),
    argument: 'how-many',
    help: 'augmentations of an image',
    article: 'two',
    released: 'one',
    source: 'two, one a branch',
    published: 'both branches see the same augmented image',
    isDeparture: true,
  }),
  statistics: protocolSetting({
    type: oneOf(BATCH_NORM_STATISTICS),
    argument: 'how',
    help: 'batch-norm of the auxiliary branch',
    article: 'separate',
    released: 'shared',
    source:
      'two models, of which the auxiliary one is a pruned copy: its batches leave the target\u2019s statistics alone',
    published: 'one model with a flag: the masked passes update the running statistics as well',
    isDeparture: true,
  }),
  viewAugmentation: setting({
    type: augmentationChoice,
    argument: 'augmentation',
    help: `random changes of the views: ${AUGMENTATION_HELP}`,
    default: undefined,
    otherwise: `the dataset\u2019s, or ${PUBLISHED_AS_TEXT}`,
    source: '"SimCLR\u2019s", and "no further data augmentation"',
    published: 'RandomResizedCrop of 0.7 to 1, and a flip',
  }),
  ...fixedSettings(1),
} as const;
