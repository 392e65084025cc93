import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import type { Recorded } from '../recorded.js';
import type { neuronSchema } from './neuronSchema.js';

/** A neuron with its score. */
export type Neuron = Recorded<typeof neuronSchema>;

/** A layer of neurons, in the model's parameter order. */
export interface NeuronLayer {
  /** The module's PyTorch name, such as `layer4.1.conv2`. */
  readonly name: string;
  /** Its neurons: output channels, or rows. */
  readonly size: number;
}

export interface ModelLayer extends NeuronLayer {
  /** Whether it lies around a residual block's layers. */
  readonly isShortcut: boolean;
}

/** Where a neuron is. */
export type NeuronPlace = Pick<Neuron, 'layer' | 'index'>;

/** `layer4.1.conv2[17]` */
export function placeText({ layer, index }: NeuronPlace): string {
  return `${layer}[${index}]`;
}

/** The error of a layer that the model lacks: `NEURONS_INVALID`, with the nearest names. */
export function unknownLayer(name: string, layers: readonly { readonly name: string }[]): SpurmemError {
  const names = layers.map((layer) => layer.name);
  return new SpurmemError(
    'NEURONS_INVALID',
    `The model has no layer of neurons named ${name}. The nearest are ${nearestNames(name, names).join(', ')}.`,
    { advice: ['The last linear layer holds none; train dfr fits it alone.'] },
  );
}
