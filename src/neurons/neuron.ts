import { nearestNames } from '../nearest.js';
import { SpurmemError } from '../errors.js';

/** A layer of neurons, in the model's parameter order. */
export interface NeuronLayer {
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  readonly name: string;
  /** Its neurons: output channels, or rows. */
  readonly size: number;
}

/** A model's layer of neurons. */
export interface ModelLayer extends NeuronLayer {
  /** Whether it lies around a residual block's layers. */
  readonly isShortcut: boolean;
}

/** One neuron: an output channel of a convolution, a row of a linear layer, or a single weight where that is the unit. */
export interface Neuron {
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  readonly layer: string;
  /** Its number in the layer, from 0. */
  readonly index: number;
  /** Its criterion's score, such as the l2 norm of its weights, or of their gradient. */
  readonly score: number;
}

/** The error of a layer that is not there: `NEURONS_INVALID`, naming the nearest ones. */
export function unknownLayer(name: string, layers: readonly { readonly name: string }[]): SpurmemError {
  const names = layers.map((layer) => layer.name);
  return new SpurmemError(
    'NEURONS_INVALID',
    `The model has no layer of neurons named ${name}. The nearest are ${nearestNames(name, names).join(', ')}.`,
  );
}
