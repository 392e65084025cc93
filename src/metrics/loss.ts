import { native, type Tensor } from '../native/addon.js';

/**
 * Losses of a classifier. `double-softmax` is what becomes of cross-entropy behind a softmax head: it takes the softmax of
 * probabilities, so that with two classes no loss is below log(1 + 1/e) = 0.3133.
 */
export const LOSSES = ['cross-entropy', 'double-softmax'] as const;
export type Loss = (typeof LOSSES)[number];

/**
 * torch.nn.functional.cross_entropy of the logits, or of their softmax.
 *
 * @param logits [N, numClasses]
 * @param labels [N] int32
 * @returns a scalar for `mean`, [N] for `none`
 */
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
