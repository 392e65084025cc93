import { ermConfig, type ErmSettings } from './ermConfig.js';
import { ermEpoch } from './ermEpoch.js';
import type { TrainingResult } from './metrics.js';
import type { ErmConfig } from './runConfig.js';
import type { Trainer, TrainingMethod } from './trainer.js';
import { trainRun, type TrainingOptions } from './trainRun.js';

export type { ErmSettings } from './ermConfig.js';

export interface ErmOptions extends TrainingOptions, ErmSettings {}

/**
 * Empirical risk minimization (article, Methods): cross-entropy, Adam without weight decay, ReduceLROnPlateau on the
 * training loss, and the checkpoint with the best validation worst-group accuracy. The protocol and the settings change
 * that.
 *
 * @throws what `trainRun` and `ermConfig` throw
 */
export async function trainErm(options: ErmOptions): Promise<TrainingResult> {
  return trainRun(options, {
    configOf: (dataset) => ermConfig(options, dataset),
    weights: options.weights,
    method: erm,
  });
}

/** Shuffled epochs of the mean loss. */
function erm(trainer: Trainer<ErmConfig>): TrainingMethod {
  const { config, loader, generator } = trainer;
  const { train } = loader.dataset.splits;
  return {
    trainEpoch: (epoch, lr) =>
      ermEpoch(trainer, epoch, lr, loader.training(train, config.batchSize, generator), train.length),
  };
}
