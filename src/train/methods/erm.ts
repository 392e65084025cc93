import {
  checkPlanting,
  minorityImages,
  PLANTING_SETTINGS,
  plantingBatches,
  trainAlone,
} from '../planting.js';
import { ermEpoch, fromData, type Recipe, RECIPE_SETTINGS } from '../recipe.js';

/**
 * Empirical risk minimization (article, Methods), from initial weights or a run's. With `PLANTING_SETTINGS` it plants a memory: some
 * neurons are trained alone, with images of minority groups in every batch, until these are fitted.
 */
export const erm: Recipe<typeof PLANTING_SETTINGS> = {
  name: 'erm',
  title: 'ERM',
  description: 'empirical risk minimization with the article\u2019s recipe',
  startsFrom: 'either',
  settings: { ...RECIPE_SETTINGS, ...PLANTING_SETTINGS },
  isDistributed: true,
  start: (options) => fromData('erm', options, PLANTING_SETTINGS, checkPlanting),
  async task(run) {
    const { config, loader, generator } = run;
    const { labels } = loader.dataset;
    const neurons = await trainAlone(run);
    const minority = minorityImages(loader.dataset);
    /** Minority images that the model predicts right in evaluation mode. */
    const fittedAfter = async (epoch: number): Promise<number> => {
      // The model that is saved, in all processes.
      await run.agreeOnStatistics();
      const { predictions } = await run.evaluate(minority, `${run.title(epoch)}, minority images`);
      return predictions.filter((predicted, i) => predicted === labels[minority[i] as number]).length;
    };
    return {
      async trainEpoch(epoch, lr) {
        const batches = plantingBatches(loader, config, generator);
        const statistics = neurons === undefined ? 'shared' : 'frozen';
        const training = await ermEpoch(run, epoch, lr, batches, statistics);
        const trained = neurons && { trained: { count: neurons.length, neurons } };
        if (config.until === undefined) return { ...training, ...trained };
        const fitted = await fittedAfter(epoch);
        return { ...training, ...trained, fitted, ends: fitted === minority.length };
      },
    };
  },
};
