import type { Loss } from '../metrics/loss.js';
import type { Protocol } from '../protocol.js';
import type { FinetuneSettings } from './finetuneSettings.js';
import type { SelectedCheckpoint } from './selection.js';

export interface FinetuneRecipe extends Omit<FinetuneSettings, 'kickInEpoch' | 'unit' | 'viewAugmentation'> {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly loss: Loss;
  readonly select: SelectedCheckpoint;
  readonly unit: 'neuron' | 'weight' | 'as-published';
}

/**
 * The article's recipe (Methods, and "Spurious memorization by critical neurons"). It names neither batch size, temperature
 * nor lambda: the first two are the published code's; lambda is ours, to be tuned on a dataset's validation split.
 */
export const ARTICLE_FINETUNE = {
  epochs: 20,
  batchSize: 100,
  lr: 2e-4,
  loss: 'cross-entropy',
  select: 'best-worst-group',
  criterion: 'gradient',
  fraction: 0.0001,
  unit: 'neuron',
  gradientSource: 'pseudo-labels',
  gradientWorst: 256,
  gradientDrawn: 128,
  gradientOrder: 'highest-loss',
  staleGradient: false,
  magnitudeLayers: 'all',
  magnitudeOrder: 'largest',
  contrast: true,
  temperature: 0.5,
  lambda: 10,
  supervised: 'mse',
  supervisedReduction: 'mean',
  supervisedForward: 'shared',
  features: 'projection',
  views: 'two',
  statistics: 'shared',
} as const satisfies FinetuneRecipe;

/** That of the published code (docs/protocols.md). */
export const RELEASED_FINETUNE = {
  ...ARTICLE_FINETUNE,
  epochs: 21,
  loss: 'double-softmax',
  select: 'last',
  fraction: 0.01,
  unit: 'as-published',
  gradientSource: 'true-labels',
  gradientWorst: 200,
  gradientDrawn: 200,
  gradientOrder: 'lowest-loss',
  staleGradient: true,
  magnitudeLayers: 'no-downsample',
  magnitudeOrder: 'smallest',
  lambda: 0.2,
  supervised: 'cross-entropy',
  supervisedForward: 'own',
  features: 'softmax',
  views: 'one',
} as const satisfies FinetuneRecipe;

export const FINETUNE_RECIPES: Readonly<Record<Protocol, FinetuneRecipe>> = {
  article: ARTICLE_FINETUNE,
  released: RELEASED_FINETUNE,
};

/** The published code's augmentation: RandomResizedCrop of 0.7 to 1 and a flip. The article names SimCLR's. */
export const DEFAULT_VIEW = { scale: [0.7, 1], ratio: [3 / 4, 4 / 3], horizontalFlip: 0.5 } as const;
