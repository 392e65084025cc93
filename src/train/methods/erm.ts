import { ermEpoch, fromData, type Recipe, RECIPE_SETTINGS } from '../recipe.js';
import { checkTrainable, TRAINABLE, trainAlone } from '../trainable.js';

/** Empirical risk minimization (article, Methods), from initial weights or a run's, of all weights or some neurons. */
export const erm: Recipe<typeof TRAINABLE> = {
  name: 'erm',
  title: 'ERM',
  description: 'empirical risk minimization with the article\u2019s recipe',
  startsFrom: 'either',
  settings: { ...RECIPE_SETTINGS, ...TRAINABLE },
  isDistributed: true,
  start: (options) => fromData('erm', options, TRAINABLE, checkTrainable),
  async task(run) {
    const { config, loader, generator } = run;
    const statistics = (await trainAlone(run)) ? 'frozen' : 'shared';
    return {
      trainEpoch(epoch, lr) {
        const batches = loader.training(loader.dataset.splits.train, config.batchSize, generator);
        return ermEpoch(run, epoch, lr, batches, statistics);
      },
    };
  },
};
