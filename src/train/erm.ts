import { lossOf } from '../metrics/loss.js';
import { ermConfig, type ErmSettings } from './ermConfig.js';
import type { TrainingResult } from './metrics.js';
import type { ErmConfig } from './runConfig.js';
import type { Trainer, TrainingMethod } from './trainer.js';
import { trainRun, type TrainingOptions } from './trainRun.js';

export { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe, type ErmSettings } from './ermConfig.js';

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
  const { config, loader, model, generator } = trainer;
  const indices = loader.dataset.splits.train;
  return {
    trainEpoch: (epoch, lr) =>
      trainer.trainBatches(
        epoch,
        lr,
        loader.training(indices, config.batchSize, generator),
        indices.length,
        async ({ images, labels }) => {
          const logits = await model.network.forward(images, true, true, null);
          return { logits, loss: await lossOf(logits, labels, 'mean', config.loss) };
        },
      ),
  };
}
