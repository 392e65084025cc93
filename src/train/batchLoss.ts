import type { Batch } from '../data/batches.js';
import type { Tensor } from '../native/addon.js';

/** A batch's loss with its graph, the logits that it is judged by, and the parts of the loss. */
export interface BatchLoss {
  readonly loss: Tensor;
  /** [N, numClasses] */
  readonly logits: Tensor;
  /** Parts of the loss by name, each averaged over the epoch. */
  readonly terms?: Readonly<Record<string, Tensor>>;
}

/** Takes the loss of a batch; its caller disposes the tensors. */
export type LossOfBatch<Prepared extends Batch> = (batch: Prepared) => Promise<BatchLoss>;
