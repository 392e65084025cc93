import type { Generator } from '../native/addon.js';
import type { NeuronLayer, NeuronPlace } from './neuron.js';
import { countNeurons, placeAt, requireTopK } from './select.js';

/** Numbers of neurons by layer, in the order of the layers' names. */
export function countByLayer(neurons: readonly NeuronPlace[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layer } of [...neurons].sort((a, b) => (a.layer < b.layer ? -1 : 1))) {
    counts.set(layer, (counts.get(layer) ?? 0) + 1);
  }
  return counts;
}

/** `counts` neurons of each layer, each set equally likely. */
export function randomNeuronsByLayer(
  counts: ReadonlyMap<string, number>,
  layers: readonly NeuronLayer[],
  generator: Generator,
): NeuronPlace[] {
  return [...counts].flatMap(([layer, count]) => {
    const size = layers.find(({ name }) => name === layer)?.size ?? 0;
    return drawDistinct(count, size, generator).map((index) => ({ layer, index }));
  });
}

/** `count` neurons of the whole model, each set equally likely. */
export function randomNeurons(
  count: number,
  layers: readonly NeuronLayer[],
  generator: Generator,
): NeuronPlace[] {
  return drawDistinct(count, countNeurons(layers), generator).map((position) => placeAt(position, layers));
}

/** `count` neurons at the highest ranks of a permutation of all: the draws of fine-tuning's masks. */
export function permutedNeurons(
  count: number,
  layers: readonly NeuronLayer[],
  generator: Generator,
): NeuronPlace[] {
  const ranks = generator.randperm(countNeurons(layers));
  requireTopK(count, ranks.length);
  const chosen = new Array<NeuronPlace>(count);
  for (const [position, rank] of ranks.entries()) {
    const place = ranks.length - 1 - rank;
    if (place < count) chosen[place] = placeAt(position, layers);
  }
  return chosen;
}

/** `count` numbers from 0 to `size` - 1, each set equally likely, or all of them. */
export function drawDistinct(count: number, size: number, generator: Generator): number[] {
  const chosen = new Set<number>();
  // There may be millions of single weights: draw again where one repeats rather than permute them all.
  while (chosen.size < Math.min(count, size)) chosen.add(Number(generator.random() % BigInt(size)));
  return [...chosen];
}
