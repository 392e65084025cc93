import { ermEpoch, recipeMethod } from '../recipe.js';

/**
 * Empirical risk minimization (article, Methods): cross-entropy, Adam without weight decay, ReduceLROnPlateau on the training
 * loss, and the checkpoint with the best validation worst-group accuracy. The protocol and the settings change that.
 */
export const erm = recipeMethod({
  name: 'erm',
  title: 'ERM',
  description: 'empirical risk minimization with the article\u2019s recipe',
  settings: {},
  toleratesEmptyGroups: true,
  isDistributed: true,
  prepare(trainer) {
    const { config, loader, generator } = trainer;
    const { train } = loader.dataset.splits;
    return {
      trainEpoch: (epoch, lr) =>
        ermEpoch(trainer, epoch, lr, loader.training(train, config.batchSize, generator)),
    };
  },
});
