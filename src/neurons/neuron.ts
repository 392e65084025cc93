import { distance } from 'fastest-levenshtein';
import { SpurmemError } from '../errors.js';

/** How neurons are scored (article, "Identification of critical neurons"). */
export const CRITERIA = ['gradient', 'magnitude'] as const;
export type Criterion = (typeof CRITERIA)[number];

/** A layer whose output channels are neurons, in the model's parameter order. */
export interface NeuronLayer {
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  readonly name: string;
  /** Output channels. */
  readonly size: number;
}

/** One neuron: an output channel of a convolution. */
export interface Neuron {
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  readonly layer: string;
  /** Output channel, from 0. */
  readonly index: number;
  /** The l2 norm that selected it: of its weights, or of its weights' gradient. */
  readonly score: number;
}

/** The error of a layer that is not there: `NEURONS_INVALID`, naming the nearest ones. */
export function unknownLayer(name: string, layers: readonly { readonly name: string }[]): SpurmemError {
  const nearest = layers
    .map((layer) => ({ name: layer.name, edits: distance(name, layer.name) }))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, 3);
  return new SpurmemError(
    'NEURONS_INVALID',
    `The model has no layer of neurons named ${name}. The nearest are ${nearest.map((layer) => layer.name).join(', ')}.`,
  );
}
