import { SpurmemError } from '../errors.js';
import type { Unit } from '../native/interface.js';
import {
  type ModelLayer,
  type Neuron,
  type NeuronLayer,
  type NeuronPlace,
  placeText,
  unknownLayer,
} from './neuron.js';

/** @param layers a model's layers, with the weights of each neuron */
export function unitLayers(
  layers: readonly (ModelLayer & { readonly weights: number })[],
  unit: Unit,
): ModelLayer[] {
  return layers.map(({ name, size, weights, isShortcut }) => ({
    name,
    size: unit === 'neuron' ? size : size * weights,
    isShortcut,
  }));
}

export function countNeurons(layers: readonly NeuronLayer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}

/**
 * The k neurons with the highest score, highest first; ties go to the lower index.
 *
 * @param scores one score per neuron, [M], in layer order
 * @param layers the model's layers, whose sizes add up to M
 * @throws `NEURONS_INVALID` when k exceeds M or is no positive integer, or a score is NaN
 */
export function selectTopK(scores: Float32Array, layers: readonly NeuronLayer[], k: number): Neuron[] {
  requireTopK(k, scores.length);
  const odd = scores.findIndex((score) => Number.isNaN(score));
  if (odd >= 0) {
    const problem = `The score of the neuron ${placeText(placeAt(odd, layers))} is not a number: the network has diverged.`;
    throw new SpurmemError('NEURONS_INVALID', problem, { advice: ['Choose neurons of an earlier epoch.'] });
  }
  return topPositions(scores, k).map((position) => ({
    ...placeAt(position, layers),
    score: scores[position] as number,
  }));
}

/** Throws `NEURONS_INVALID` when k, the option `parameter`, is no whole number from 1 to the `count` neurons of `whose`. */
export function requireTopK(k: number, count: number, whose = 'the model', parameter = 'k'): void {
  if (Number.isInteger(k) && k >= 1 && k <= count) return;
  throw new SpurmemError(
    'NEURONS_INVALID',
    `Cannot select the top ${k} neurons (\`${parameter}\`): ${whose} has ${count}.`,
    {
      parameter,
      value: k,
      expected: `a whole number from 1 to ${count}`,
      advice: [`Ask for 1 to ${count}.`],
    },
  );
}

/**
 * The k neurons of one layer with the highest score, or all where it has fewer, as `selectTopK` does. Throws `NEURONS_INVALID`
 * when the model has no such layer, or k is no positive integer.
 */
export function selectInLayer(
  scores: Float32Array,
  layers: readonly NeuronLayer[],
  layer: string,
  k: number,
): Neuron[] {
  const { start, size } = startOf(layers, layer);
  return selectTopK(scores.subarray(start, start + size), [{ name: layer, size }], Math.min(k, size));
}

/** The position and number of a layer's scores among all. Throws `NEURONS_INVALID` when the model has no such layer. */
export function startOf(layers: readonly NeuronLayer[], layer: string): { start: number; size: number } {
  let start = 0;
  for (const { name, size } of layers) {
    if (name === layer) return { start, size };
    start += size;
  }
  throw unknownLayer(layer, layers);
}

/** The neuron at a position of the scores of all layers. */
export function placeAt(position: number, layers: readonly NeuronLayer[]): NeuronPlace {
  let index = position;
  for (const { name, size } of layers) {
    if (index < size) return { layer: name, index };
    index -= size;
  }
  throw new RangeError(`The layers have fewer neurons than there are scores (${position + 1})`);
}

/** ceil(fraction * M), the number of neurons that a fraction selects (article: 0.01 %). */
export function fractionToCount(fraction: number, numNeurons: number): number {
  return Math.ceil(fraction * numNeurons);
}

/** Keeps few candidates: sorting millions of single weights would take seconds. */
function topPositions(scores: Float32Array, k: number): number[] {
  const scoreAt = (position: number): number => scores[position] as number;
  const capacity = Math.max(2 * k, 64);
  const best: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  const keepBest = (): void => {
    // Ties go to the lower index.
    best.sort((a, b) => scoreAt(b) - scoreAt(a) || a - b);
    best.length = Math.min(best.length, k);
    if (best.length === k) least = scoreAt(best[k - 1] as number);
  };
  for (let position = 0; position < scores.length; position += 1) {
    // Once k are kept, a later position needs a higher score.
    if (scoreAt(position) <= least) continue;
    best.push(position);
    if (best.length === capacity) keepBest();
  }
  keepBest();
  return best;
}
