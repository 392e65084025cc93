import { native } from '../native/addon.js';
import type { Tensor } from '../native/interface.js';

/** `double-softmax` is cross-entropy behind a softmax head: with two classes no loss is below log(1 + 1/e) = 0.3133. */
export const LOSSES = ['cross-entropy', 'double-softmax'] as const;
export type Loss = (typeof LOSSES)[number];

/** torch.nn.functional.cross_entropy of logits [N, numClasses], or of their softmax: a scalar for `mean`, [N] for `none`. */
export async function lossOf(
  logits: Tensor,
  labels: Tensor,
  reduction: 'mean' | 'none',
  loss: Loss = 'cross-entropy',
): Promise<Tensor> {
  if (loss === 'cross-entropy') return native().crossEntropy(logits, labels, reduction);
  using probabilities = await logits.softmax();
  return await native().crossEntropy(probabilities, labels, reduction);
}
