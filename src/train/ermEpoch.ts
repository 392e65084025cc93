import type { Batch } from '../data/batches.js';
import { lossOf } from '../metrics/loss.js';
import type { EpochTraining } from './metrics.js';
import type { EpochsConfig } from './runConfig.js';
import type { Trainer } from './trainer.js';

/**
 * An epoch of the mean loss of each batch: what ERM does, and those methods that only choose what it sees.
 *
 * @param total examples in all batches
 */
export function ermEpoch(
  trainer: Trainer<EpochsConfig>,
  epoch: number,
  lr: number,
  batches: AsyncIterable<Batch>,
  total: number,
): Promise<EpochTraining> {
  const { config, model } = trainer;
  return trainer.trainBatches(epoch, lr, batches, total, async ({ images, labels }) => {
    const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
    return { logits, loss: await lossOf(logits, labels, 'mean', config.loss) };
  });
}
