import { LOSSES } from '../metrics/loss.js';
import { architecture } from '../models/modelOptions.js';
import { PRECISIONS } from '../native/interface.js';
import type { Protocol } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import { whole } from '../settings/schema.js';
import { protocolSetting, setting } from '../settings/setting.js';
import {
  integer,
  nonNegative,
  oneOf,
  positive,
  severalOf,
  share,
  text,
  toggle,
  type ValueType,
  valueType,
} from '../settings/values.js';
import * as z from '../zod.js';
import {
  AUGMENTATION_HELP,
  augmentationChoice,
  PUBLISHED_AS_TEXT,
  PUBLISHED_AUGMENTATION,
} from './augmentation.js';
import { INPUT_SETTINGS } from './inputSettings.js';

/** The epoch whose weights a run gives: the best by a validation accuracy (`selection.ts`), or the last. */
export const CHECKPOINTS = [
  'best-worst-group',
  'best-worst-class',
  'best-average',
  'best-class-balanced',
  'last',
] as const;
export type SelectedCheckpoint = (typeof CHECKPOINTS)[number];

/** For vision transformers alone. */
export const VIT_SETTINGS = {
  patchSize: setting({
    type: integer(1),
    argument: 'n',
    help: 'ViT: side of a patch in pixels',
    default: undefined,
    otherwise: 'the architecture\u2019s',
    source: 'not given',
  }),
  layerNormEps: setting({
    type: positive(),
    argument: 'eps',
    help: 'ViT: eps of LayerNorm',
    default: undefined,
    otherwise: 'the architecture\u2019s',
    source: 'not given; timm\u2019s ViT has 1e-6',
    published: 'DeiT-S with 1e-5: set it by hand',
    isDeparture: true,
  }),
} as const;

export const MODEL_SETTINGS = {
  arch: setting({
    type: architecture,
    argument: 'name',
    help: 'architecture, or a file of torch.export (.pt2)',
    default: 'resnet50',
    source: 'ResNet-50 and ViT-S',
  }),
  weights: setting({
    type: text('a safetensors or PyTorch file'),
    argument: 'file',
    help: 'safetensors or PyTorch file (.pth, .pt, .pth.tar), or a folder of transformers or timm, to start from; a head with other classes is replaced',
    default: undefined,
    otherwise: 'random weights',
    source: 'ImageNet weights (IMAGENET1K_V2)',
    published: 'random weights; the line that loads ImageNet\u2019s is commented out',
    isDeparture: true,
  }),
  output: setting({
    type: integer(0),
    argument: 'n',
    help: 'of a file of torch.export with several outputs, the one that is the logits, counted from 0',
    default: undefined,
    otherwise: 'its only one',
    source: 'not given',
  }),
  ...INPUT_SETTINGS,
  ...VIT_SETTINGS,
} as const;

const schedulerSchema = z.strictObject({
  name: z.literal('ReduceLROnPlateau'),
  factor: z.number().positive().max(1),
  patience: whole(RANGES.count),
});

const scheduler: ValueType<Readonly<z.infer<typeof schedulerSchema>>> = valueType(schedulerSchema, {
  expected: 'a scheduler with its factor and patience',
  form: 'text',
});

/** The fixed settings of every run of epochs. */
export const fixedSettings = (patience: number) => ({
  weightDecay: setting({
    type: nonNegative(),
    help: 'weight decay of Adam',
    default: 0,
    source: 'Adam without weight decay',
  }),
  scheduler: setting({
    type: scheduler,
    help: 'schedule that lowers the learning rate by the epoch’s mean training loss',
    default: { name: 'ReduceLROnPlateau' as const, factor: 0.5, patience },
    source: `ReduceLROnPlateau with factor 0.5 and patience ${patience}`,
  }),
});

const PRECISION = {
  type: oneOf(PRECISIONS),
  argument: 'precision',
  help: 'precision of the model: float32, or bfloat16 by autocast',
  source: 'not given',
} as const;

/** The precision of a run that starts from another one. */
export const PRECISION_OF_START = setting({
  ...PRECISION,
  default: undefined,
  otherwise: 'that of the run that it starts from',
});

/** Settings of methods that refit the last layer. */
export const REFIT_SETTINGS = {
  batchSize: setting({
    type: integer(1),
    argument: 'n',
    help: 'batch size of the passes over the images',
    default: undefined,
    otherwise: 'that of the run that it starts from',
    source: 'changes no result',
  }),
  precision: PRECISION_OF_START,
} as const;

export const EMA = setting({
  type: share('a decay'),
  argument: 'decay',
  help: 'evaluate an exponential moving average of the weights with this decay',
  default: undefined,
  otherwise: 'none',
  source: 'none',
});

/** Does not affect the run's numbers. */
export const TRACK_IMAGES = setting<boolean | undefined>({
  type: toggle(),
  argument: 'yes|no',
  help: 'write each training image\u2019s summed loss, times forgotten and first right epoch (results/images.csv)',
  default: undefined,
  otherwise: 'no',
  source: 'none',
});

const LEAVE_OUT = setting<number | undefined>({
  type: share(),
  argument: 'share',
  help: 'leave out this share of every group\u2019s training images, drawn by the seed',
  default: undefined,
  otherwise: 'none',
  source: 'none (as Feldman and Zhang 2020)',
});

/** ERM's recipe (article, Methods, "Implementation details"), which the baselines share. */
export const ERM_SETTINGS = {
  epochs: protocolSetting({
    type: integer(1),
    argument: 'n',
    help: 'epochs',
    article: 100,
    released: 101,
    source: '100',
    published: '101',
  }),
  batchSize: setting({
    type: integer(1),
    argument: 'n',
    help: 'batch size, of evaluation too',
    default: 256,
    source: '256',
  }),
  lr: protocolSetting({
    type: positive(),
    argument: 'rate',
    help: 'learning rate of Adam',
    article: 1e-4,
    released: 5e-6,
    source: '1e-4',
    published: '5e-6',
  }),
  loss: protocolSetting({
    type: oneOf(LOSSES),
    argument: 'loss',
    help: 'cross-entropy of the logits, or of their softmax',
    article: 'cross-entropy',
    released: 'double-softmax',
    source: 'cross-entropy',
    published:
      'a softmax head before the cross-entropy, which takes a softmax again: with two classes no loss falls below 0.3133',
    isDeparture: true,
  }),
  select: protocolSetting({
    type: oneOf(CHECKPOINTS),
    argument: 'checkpoint',
    help: 'the epoch whose weights are tested and traced',
    article: 'best-worst-group',
    released: 'last',
    source: 'highest validation worst-group accuracy',
    published: 'none; a fixed epoch (40) is written into the scripts of Part I. End at it with the epochs',
  }),
  augmentation: protocolSetting({
    type: augmentationChoice,
    argument: 'augmentation',
    help: `random changes of training images: ${AUGMENTATION_HELP}`,
    article: 'dataset',
    released: { words: PUBLISHED_AS_TEXT, of: () => PUBLISHED_AUGMENTATION },
    source: '"No further data augmentation is applied"',
    published: 'RandomResizedCrop of 0.7 to 1, and a flip',
    isDeparture: true,
  }),
  precision: setting({ ...PRECISION, default: 'fp32' }),
  ema: EMA,
  trackImages: TRACK_IMAGES,
  leaveOut: LEAVE_OUT,
  ...fixedSettings(3),
} as const;

/** Does not affect the run's numbers. */
export const KEEP_EPOCHS = setting({
  type: severalOf(integer(0)),
  argument: 'list',
  help: 'epochs whose weights to keep for fine-tuning or rewinding (0: before the first); fine-tuning’s default start is kept anyway',
  default: undefined,
  otherwise: 'none',
  source: 'epochs 30, 40, 50 and 60 (Table 5)',
});

/** The share of a run's epochs after which fine-tuning starts: epoch 40 of the article's 100, of the published code's 101. */
const SHARES: Readonly<Record<Protocol, number>> = { article: 40 / 100, released: 40 / 101 };
/** The published code starts from epoch 19 on CelebA. */
const RELEASED_CELEBA = 19 / 101;

export interface KickInRun {
  /** The number of epochs of the run that fine-tuning starts from; undefined if it has none. */
  readonly runEpochs: number | undefined;
  /** The dataset's layout. */
  readonly format: string | undefined;
}

/** Returns the epoch that a protocol's fine-tuning starts from (article, "Kick-in Epoch"); `selected` for a run without epochs. */
export function kickInEpoch(protocol: Protocol, { runEpochs, format }: KickInRun): number | 'selected' {
  if (runEpochs === undefined) return 'selected';
  const share = format === 'celeba' && protocol === 'released' ? RELEASED_CELEBA : SHARES[protocol];
  return Math.max(1, Math.round(share * runEpochs));
}
