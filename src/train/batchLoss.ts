import type { Batch } from '../data/batches.js';
import type { Tensor } from '../native/addon.js';

/** A batch's loss with its graph. */
export interface BatchLoss {
  readonly loss: Tensor;
  /** [N, numClasses] */
  readonly logits: Tensor;
  /** The parts of the loss, each averaged over the epoch. */
  readonly terms?: Readonly<Record<string, Tensor>>;
}

/** The caller disposes the tensors. */
export type LossOfBatch<Prepared extends Batch> = (batch: Prepared) => Promise<BatchLoss>;
