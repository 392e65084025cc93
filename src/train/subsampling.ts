import { balancedSubset } from '../data/sampling.js';
import { recipeConfig } from './ermConfig.js';
import type { ErmOptions } from './erm.js';
import { ermEpoch } from './ermEpoch.js';
import { indicesIn, indicesOut } from './methodState.js';
import type { TrainingResult } from './metrics.js';
import type { SubsampledConfig } from './runConfig.js';
import type { Trainer, TrainingMethod } from './trainer.js';
import { trainRun } from './trainRun.js';

/**
 * SUBY (Idrissi et al. 2022): ERM on a subset of the training split that has as many examples of each class as the smallest
 * class, drawn once before the first epoch. An epoch is as long as the subset.
 *
 * @throws what `trainRun` and `recipeConfig` throw
 */
export async function trainSuby(options: ErmOptions): Promise<TrainingResult> {
  return trainSubsampled('train suby', options);
}

/**
 * SUBG: the same with groups.
 *
 * @throws what `trainRun` and `recipeConfig` throw
 */
export async function trainSubg(options: ErmOptions): Promise<TrainingResult> {
  return trainSubsampled('train subg', options);
}

function trainSubsampled(command: SubsampledConfig['command'], options: ErmOptions): Promise<TrainingResult> {
  return trainRun(options, {
    configOf: async (dataset) => ({ command, ...(await recipeConfig(options, dataset)) }),
    weights: options.weights,
    method: subsampled,
  });
}

function subsampled(trainer: Trainer<SubsampledConfig>): TrainingMethod {
  const { config, loader, generator } = trainer;
  const { splits, labels, groups } = loader.dataset;
  const parts = config.command === 'train suby' ? labels : groups;
  let subset: Int32Array = new Int32Array();
  return {
    begin() {
      subset = balancedSubset(
        splits.train,
        splits.train.map((index) => parts[index] as number),
        generator,
      );
      return Promise.resolve();
    },
    trainEpoch: (epoch, lr) =>
      ermEpoch(trainer, epoch, lr, loader.training(subset, config.batchSize, generator), subset.length),
    stateDict: () => Promise.resolve({ subset: indicesOut(subset) }),
    loadStateDict(state) {
      subset = indicesIn('subset', state, splits.train);
      return Promise.resolve();
    },
  };
}
