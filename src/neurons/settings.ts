import type { Loss } from '../metrics/loss.js';
import type { Unit } from '../native/interface.js';
import { protocolSetting, setting, type ValuesOf } from '../settings/setting.js';
import { integer, oneOf } from '../settings/values.js';

/** Channels of convolutions and rows of linear layers, or single weights. */
export const UNITS: readonly Unit[] = ['neuron', 'weight'];

/** Whether the gradient's samples have the highest or the lowest losses. */
export const GRADIENT_ORDERS = ['highest-loss', 'lowest-loss'] as const;
export type GradientOrder = (typeof GRADIENT_ORDERS)[number];

/** All layers, or all except the convolutions of ResNet's shortcuts (`downsample`). */
export const MAGNITUDE_LAYERS = ['all', 'no-downsample'] as const;
type MagnitudeLayers = (typeof MAGNITUDE_LAYERS)[number];

/** Whether magnitude chooses the largest or the smallest norms. */
export const MAGNITUDE_ORDERS = ['largest', 'smallest'] as const;
export type MagnitudeOrder = (typeof MAGNITUDE_ORDERS)[number];

/** Settings that traces and fine-tuning's mask share. */
export const CHOICE_SETTINGS = {
  unit: setting<Unit>({
    type: oneOf(UNITS),
    help: 'what a neuron is: a channel or row, or a single weight',
    argument: 'unit',
    default: 'neuron',
    source: 'neurons (Methods)',
    published:
      'of vision transformers single weights of qkv, proj, fc1 and fc2; not set by the protocol: `weight`',
    isDeparture: true,
  }),
  gradientOrder: setting<GradientOrder>({
    type: oneOf(GRADIENT_ORDERS),
    help: 'which end of the loss ranking the gradient’s samples come from',
    argument: 'order',
    default: 'highest-loss',
    source: 'the samples with the highest loss (Methods)',
    // Every trace goes by group, so that the protocol takes the highest too.
    published:
      'without groups, an ascending sort picks the lowest; by group, it is right; measure the other with `lowest-loss`',
    isDeparture: true,
  }),
  gradientWorst: protocolSetting({
    type: integer(1),
    help: 'how many samples are picked by their loss',
    argument: 'n',
    article: 256,
    released: 200,
    source: '128 drawn at random from the 256 worst (Methods)',
    published: 'the 200 worst',
  }),
  gradientDrawn: protocolSetting({
    type: integer(1),
    help: 'how many of these are drawn at random',
    argument: 'n',
    article: 128,
    released: 200,
    source: '128 drawn at random from the 256 worst (Methods)',
    published: 'all of the 200 worst',
  }),
  magnitudeLayers: protocolSetting<MagnitudeLayers>({
    type: oneOf(MAGNITUDE_LAYERS),
    help: 'where magnitude chooses neurons',
    argument: 'layers',
    article: 'all',
    released: 'no-downsample',
    source: 'all convolutions (ResNet-50: 53 with 26,560 channels)',
    published: 'for magnitude without the downsample convolutions (49 with 22,720), for the gradient all',
    isDeparture: true,
  }),
} as const;

/** How neurons are scored and chosen. */
export interface ChoiceSettings extends ValuesOf<typeof CHOICE_SETTINGS> {
  /** Ranks samples, and is the loss whose gradient is taken. */
  readonly loss: Loss;
  /** Default: the largest. */
  readonly magnitudeOrder?: MagnitudeOrder | undefined;
}
