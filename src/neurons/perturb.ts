import type { ChannelMask } from '../native/addon.js';
import type { Neuron } from './neuron.js';

/**
 * m in f(m * theta, .): the neurons whose weights are zeroed. It multiplies weights and leaves batch-norm alone.
 */
export interface NeuronMask {
  readonly masks: readonly ChannelMask[];
  /** The same neurons give the same key, in whatever order they were chosen. */
  readonly key: string;
}

/** The mask that removes these neurons. */
export function maskNeurons(neurons: readonly Pick<Neuron, 'layer' | 'index'>[]): NeuronMask {
  const channels = new Map<string, Set<number>>();
  for (const { layer, index } of neurons) {
    channels.set(layer, (channels.get(layer) ?? new Set()).add(index));
  }
  const masks = [...channels.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([layer, indices]) => ({ layer, channels: Int32Array.from(indices).sort() }));
  return { masks, key: masks.map(({ layer, channels: list }) => `${layer}[${list.join(',')}]`).join(' ') };
}
