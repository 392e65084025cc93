import type { Loss } from '../metrics/loss.js';
import type { SelectedCheckpoint } from './selection.js';

export interface ErmRecipe {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly weightDecay: number;
  /** Of ReduceLROnPlateau. */
  readonly factor: number;
  readonly patience: number;
  readonly loss: Loss;
  readonly select: SelectedCheckpoint;
}

/** The article's recipe (Methods, "Implementation details"). */
export const ARTICLE_ERM = {
  epochs: 100,
  batchSize: 256,
  lr: 1e-4,
  weightDecay: 0,
  factor: 0.5,
  patience: 3,
  loss: 'cross-entropy',
  select: 'best-worst-group',
} as const satisfies ErmRecipe;

/** That of the published code. It starts from random weights too: that is no default, but leaving out a weights file. */
export const RELEASED_ERM = {
  ...ARTICLE_ERM,
  epochs: 101,
  lr: 5e-6,
  loss: 'double-softmax',
  select: 'last',
} as const satisfies ErmRecipe;
