import { ermEpoch, recipeMethod } from '../recipe.js';

/** Empirical risk minimization (article, Methods). */
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
