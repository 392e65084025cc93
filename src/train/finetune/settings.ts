import { z } from 'zod';
import { LOSSES } from '../../metrics/loss.js';
import { BATCH_NORM_STATISTICS } from '../../native/addon.js';
import { CRITERION_NAMES } from '../../neurons/criteria.js';
import { GRADIENT_ORDERS } from '../../neurons/score.js';
import { MAGNITUDE_LAYERS, MAGNITUDE_ORDERS } from '../../neurons/select.js';
import { protocolSetting, setting } from '../../settings/setting.js';
import { integer, oneOf, positive, share, toggle, type ValueType } from '../../settings/values.js';
import { AVERAGING, CHECKPOINTS, fixedSettings, PRECISION_OF_START } from '../ermSettings.js';

/**
 * What chooses the auxiliary model's masked neurons: a criterion, both of the article's together (Table 10), or,
 * as controls, random neurons of the same number, or none.
 */
export const MASK_CRITERIA = [...CRITERION_NAMES, 'combined', 'random', 'none'] as const;

/**
 * The training samples that the gradient criterion looks at (Table 7), and the labels of their loss: all of them under the
 * model's predictions as pseudo labels, all of them under their classes, or those of minority groups under their classes.
 */
export const MASK_GRADIENT_SOURCES = ['pseudo-labels', 'true-labels', 'minority-groups'] as const;

/** What NT-Xent compares: projections of the penultimate features, those features, the logits, or their softmax. */
export const CONTRASTED_FEATURES = ['projection', 'penultimate', 'logits', 'softmax'] as const;

/** Mean squared error of the prediction vector (article, Eq. 4), or cross-entropy (Table 4). */
export const SUPERVISED_LOSSES = ['mse', 'cross-entropy'] as const;

/** Random crops that cover these shares of an image, and the probability of a flip. */
export interface ViewChoice {
  readonly scale: readonly [least: number, most: number];
  readonly horizontalFlip: number;
}

/** The published code's augmentation: RandomResizedCrop of 0.7 to 1 and a flip. The article names SimCLR's. */
export const DEFAULT_VIEW = { scale: [0.7, 1], ratio: [3 / 4, 4 / 3], horizontalFlip: 0.5 } as const;

const view: ValueType<ViewChoice | null> = {
  schema: z
    .strictObject({
      scale: z.tuple([z.number().positive(), z.number().max(1)]).refine(([least, most]) => least <= most),
      horizontalFlip: z.number().min(0).max(1),
    })
    .nullable(),
  expected: 'minScale,maxScale,flip, each from 0 to 1, such as 0.8,1,0, or none',
  form: 'crop',
  isList: false,
};

/** The settings of fine-tuning (article, Methods, and "Spurious memorization by critical neurons"). */
export const FINETUNE_SETTINGS = {
  kickInEpoch: setting({
    type: integer(1),
    argument: 'n',
    help: 'ERM epoch to start from, which the ERM run must have kept',
    default: undefined,
    otherwise: 'the selected one',
    source: 'after 40 epochs of ERM (Table 5)',
  }),
  epochs: protocolSetting({
    type: integer(1),
    argument: 'n',
    help: 'epochs',
    article: 20,
    released: 21,
    source: '20',
    published: '21',
  }),
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
  averaging: AVERAGING,
  select: protocolSetting({
    type: oneOf(CHECKPOINTS),
    argument: 'checkpoint',
    help: 'the epoch whose weights are tested',
    article: 'best-worst-group',
    released: 'last',
    source: 'highest validation worst-group accuracy',
    published: 'none',
  }),
  loss: protocolSetting({
    type: oneOf(LOSSES),
    argument: 'loss',
    help: 'loss that ranks samples, and the supervised loss where that is cross-entropy',
    article: 'cross-entropy',
    released: 'double-softmax',
    source: 'cross-entropy of the logits',
    published: 'a softmax head before the cross-entropy',
    isDeparture: true,
  }),
  criterion: setting({
    type: oneOf(MASK_CRITERIA),
    argument: 'name',
    help: 'how the masked neurons are chosen',
    default: 'gradient',
    source: 'gradient; Table 10 compares it with magnitude and both',
    published: 'both masks are there; the second one resets the first',
  }),
  fraction: protocolSetting({
    type: share(),
    argument: 'share',
    help: 'share of all neurons that is masked',
    article: 0.0001,
    released: 0.01,
    source: '0.01 %',
    published: 'the default 0.01 is a fraction: 1 %',
    isDeparture: true,
  }),
  unit: protocolSetting({
    type: oneOf(['neuron', 'weight']),
    argument: 'unit',
    help: 'what a neuron is',
    article: 'neuron',
    released: {
      words: 'weight by magnitude and of vision transformers, neuron else',
      of: ({ criterion, isVit }) => (criterion === 'magnitude' || isVit === true ? 'weight' : 'neuron'),
    },
    source: 'neurons: channels, or rows',
    published: 'single weights in the mask by magnitude and of vision transformers',
    isDeparture: true,
  }),
  gradientSource: protocolSetting({
    type: oneOf(MASK_GRADIENT_SOURCES),
    argument: 'source',
    help: 'samples and labels of the gradient',
    article: 'pseudo-labels',
    released: 'true-labels',
    source: 'the model\u2019s predictions as pseudo labels (Methods); Table 7 compares the sources',
    published: 'the classes',
  }),
  gradientWorst: protocolSetting({
    type: integer(1),
    argument: 'n',
    help: 'samples picked by their loss',
    article: 256,
    released: 200,
    source: 'the 256 worst',
    published: '200',
  }),
  gradientDrawn: protocolSetting({
    type: integer(1),
    argument: 'n',
    help: 'samples drawn from these',
    article: 128,
    released: 200,
    source: '128 drawn at random from these',
    published: 'all 200',
  }),
  gradientOrder: protocolSetting({
    type: oneOf(GRADIENT_ORDERS),
    argument: 'order',
    help: 'by which end of the losses samples are picked',
    article: 'highest-loss',
    released: 'lowest-loss',
    source: 'the samples with the highest loss',
    published: 'the lowest',
    isDeparture: true,
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
  magnitudeLayers: protocolSetting({
    type: oneOf(MAGNITUDE_LAYERS),
    argument: 'which',
    help: 'where magnitude chooses',
    article: 'all',
    released: 'no-downsample',
    source: 'all convolutions',
    published: 'without the downsample convolutions',
    isDeparture: true,
  }),
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
    help: 'train on NT-Xent beside the supervised loss',
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
    help: 'whether the supervised loss takes the contrasted view\u2019s logits, or runs the model once more',
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
  statistics: setting({
    type: oneOf(BATCH_NORM_STATISTICS),
    argument: 'how',
    help: 'batch-norm of the auxiliary branch',
    default: 'shared',
    source: 'not given',
  }),
  viewAugmentation: setting({
    type: view,
    argument: 'crop',
    help: 'crops of the views as minScale,maxScale,flip such as 0.8,1,0, or none',
    default: undefined,
    otherwise: `the dataset\u2019s, or ${[...DEFAULT_VIEW.scale, DEFAULT_VIEW.horizontalFlip].join(',')}`,
    source: '"SimCLR\u2019s", and "no further data augmentation"',
    published: 'RandomResizedCrop of 0.7 to 1, and a flip',
  }),
  ...fixedSettings(1),
} as const;
