import { inverseSizes, weightedDraw } from '../data/sampling.js';
import { recipeConfig } from './ermConfig.js';
import type { ErmOptions } from './erm.js';
import { ermEpoch } from './ermEpoch.js';
import type { TrainingResult } from './metrics.js';
import type { ReweightedConfig } from './runConfig.js';
import type { Trainer, TrainingMethod } from './trainer.js';
import { trainRun } from './trainRun.js';

/**
 * RWY (Idrissi et al. 2022): ERM on examples drawn with replacement, with a probability inversely proportional to the size of
 * their class, so that each class is equally likely. An epoch is as long as the training split. As there, the sampling is
 * PyTorch's WeightedRandomSampler.
 *
 * @throws what `trainRun` and `recipeConfig` throw
 */
export async function trainRwy(options: ErmOptions): Promise<TrainingResult> {
  return trainReweighted('train rwy', options);
}

/**
 * RWG: the same with groups.
 *
 * @throws what `trainRun` and `recipeConfig` throw
 */
export async function trainRwg(options: ErmOptions): Promise<TrainingResult> {
  return trainReweighted('train rwg', options);
}

function trainReweighted(command: ReweightedConfig['command'], options: ErmOptions): Promise<TrainingResult> {
  return trainRun(options, {
    configOf: async (dataset) => ({ command, ...(await recipeConfig(options, dataset)) }),
    weights: options.weights,
    method: reweighted,
  });
}

function reweighted(trainer: Trainer<ReweightedConfig>): TrainingMethod {
  const { config, loader, generator } = trainer;
  const { splits, labels, groups } = loader.dataset;
  const parts = config.command === 'train rwy' ? labels : groups;
  const weights = inverseSizes(splits.train.map((index) => parts[index] as number));
  return {
    trainEpoch(epoch, lr) {
      const drawn = weightedDraw(splits.train, weights, generator);
      const batches = loader.augmented(drawn, config.batchSize, generator);
      return ermEpoch(trainer, epoch, lr, batches, drawn.length);
    },
  };
}
