import type { Garment } from './dominoesSources.js';

/** The default benchmark: in training the digit agrees with the garment for 95 % of the images. */
export const DEFAULT_DOMINOES = {
  garments: ['pullover', 'coat'] as Garment[],
  digits: [0, 1],
  counts: {
    train: [3498, 184, 56, 1057],
    val: [500, 500, 500, 500],
    test: [1000, 1000, 1000, 1000],
  },
  size: 64,
  seed: 0,
};
