import { distance } from 'fastest-levenshtein';
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
  return topPositions(scores, k).map((position) => locate(position, scores[position] as number, layers));
}

/**
 * The k neurons of one layer with the highest score, highest first; ties go to the lower index. A layer with fewer
 * neurons gives all of them.
 *
 * @throws `NEURONS_INVALID` when the model has no such layer, naming the nearest ones, or k is no positive integer
 */
export function selectInLayer(
  scores: Float32Array,
  layers: readonly NeuronLayer[],
  layer: string,
  k: number,
): Neuron[] {
  let start = 0;
  for (const found of layers) {
    if (found.name === layer) {
      const ofLayer = scores.subarray(start, start + found.size);
      return selectTopK(ofLayer, [found], Math.min(k, found.size));
    }
    start += found.size;
  }
  const near = [...layers].sort((a, b) => distance(layer, a.name) - distance(layer, b.name)).slice(0, 3);
  throw new SpurmemError(
    'NEURONS_INVALID',
    `The model has no layer named ${layer}. The nearest are ${near.map(({ name }) => name).join(', ')}.`,
  );
}

/** ceil(fraction * M), the number of neurons that a fraction selects (article: 0.01 %). */
export function fractionToCount(fraction: number, numNeurons: number): number {
  return Math.ceil(fraction * numNeurons);
}

/** One pass with the k best so far kept in order: sorting millions of single weights would take seconds. */
function topPositions(scores: Float32Array, k: number): number[] {
  const best: number[] = [];
  for (let position = 0; position < scores.length; position += 1) {
    const score = scores[position] as number;
    // A later position needs a higher score, so that ties go to the lower index.
    if (best.length === k && score <= (scores[best[k - 1] as number] as number)) continue;
    let low = 0;
    let high = best.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((scores[best[middle] as number] as number) >= score) low = middle + 1;
      else high = middle;
    }
    best.splice(low, 0, position);
    if (best.length > k) best.pop();
  }
  return best;
}

function locate(position: number, score: number, layers: readonly NeuronLayer[]): Neuron {
  let index = position;
  for (const layer of layers) {
    if (index < layer.size) return { layer: layer.name, index, score };
    index -= layer.size;
  }
  throw new RangeError(`The layers have fewer neurons than there are scores (${position + 1})`);
}
