import { count, real } from '../recorded.js';
import * as z from '../zod.js';

/** An output channel of a convolution, a row of a linear layer, or a single weight if that is the unit. */
export const neuronSchema = z.looseObject({
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  layer: z.string(),
  /** Its number in the layer, from 0. */
  index: count,
  /** By its criterion, such as the l2 norm of its weights, or of their gradient. */
  score: real,
});
