import type { Generator } from '../native/addon.js';
import type { NeuronLayer } from './neuron.js';
import type { NeuronPlace } from './perturb.js';

/** Numbers of neurons by layer, in the order of the layers' names. */
export function countByLayer(neurons: readonly NeuronPlace[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { layer } of [...neurons].sort((a, b) => (a.layer < b.layer ? -1 : 1))) {
    counts.set(layer, (counts.get(layer) ?? 0) + 1);
  }
  return counts;
}

/** As many neurons of each layer as `counts` says, each set equally likely. */
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

/** Some numbers from 0 to `size` - 1, each set equally likely; all of them where there are not so many. */
export function drawDistinct(count: number, size: number, generator: Generator): number[] {
  const chosen = new Set<number>();
  // There may be millions of single weights: draw again where one repeats rather than permute them all.
  while (chosen.size < Math.min(count, size)) chosen.add(Number(generator.random() % BigInt(size)));
  return [...chosen];
}
