import { SpurmemError } from '../errors.js';
import type { Neuron, NeuronLayer } from './neuron.js';

/**
 * The k neurons with the highest score, highest first; ties go to the lower index.
 *
 * @param scores one score a neuron, [M], in layer order
 * @param layers the model's layers, whose sizes add up to M
 * @throws `NEURONS_INVALID` when k exceeds M or is no positive integer
 */
export function selectTopK(scores: Float32Array, layers: readonly NeuronLayer[], k: number): Neuron[] {
  if (!Number.isInteger(k) || k < 1 || k > scores.length) {
    throw new SpurmemError(
      'NEURONS_INVALID',
      `Cannot select the top ${k} neurons (--top-k): the model has ${scores.length}. Ask for 1 to ${scores.length}.`,
    );
  }
  const order = Array.from(scores.keys()).sort(
    (a, b) => (scores[b] as number) - (scores[a] as number) || a - b,
  );
  return order.slice(0, k).map((position) => locate(position, scores[position] as number, layers));
}

/** ceil(fraction * M), the number of neurons that a fraction selects (article: 0.01 %). */
export function fractionToCount(fraction: number, numNeurons: number): number {
  return Math.ceil(fraction * numNeurons);
}

function locate(position: number, score: number, layers: readonly NeuronLayer[]): Neuron {
  let index = position;
  for (const layer of layers) {
    if (index < layer.size) return { layer: layer.name, index, score };
    index -= layer.size;
  }
  throw new RangeError(`The layers have fewer neurons than there are scores (${position + 1})`);
}
