import type { Generator } from '../native/interface.js';
import { type NeuronLayer, type NeuronPlace, placeText } from './neuron.js';
import { countNeurons, placeAt, requireTopK, startOf } from './select.js';

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

/** Returns the `count` neurons with the highest ranks in a permutation of all, as fine-tuning's masks draw them. */
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
function drawDistinct(count: number, size: number, generator: Generator): number[] {
  const chosen = new Set<number>();
  // There may be millions of single weights: redrawing a repeat costs less than permuting all.
  while (chosen.size < Math.min(count, size)) chosen.add(Number(generator.random() % BigInt(size)));
  return [...chosen];
}

interface DrawnFrom {
  /** All of the model's. */
  readonly layers: readonly NeuronLayer[];
  /** The norm of each unit's weights, [M] in layer order. */
  readonly magnitudes: Float32Array;
}

/** Draws random neurons to compare chosen ones with; `NULLS` lists all. */
interface NullModel {
  readonly name: string;
  /** After "random neurons": `of the same layers`. */
  readonly words: string;
  /** The question that a difference from it answers. */
  readonly asks: string;
  /** Sets of neurons with one key, order included, share their draws. */
  readonly key: (chosen: readonly NeuronPlace[]) => string;
  /** Returns a function that draws, each time independently, a random neuron in the place of each chosen one. */
  readonly drawer: (
    chosen: readonly NeuronPlace[],
    from: DrawnFrom,
  ) => (generator: Generator) => NeuronPlace[];
}

const sameLayers = {
  name: 'same-layers',
  words: 'of the same layers',
  asks: 'whether it is these neurons rather than their layers',
  key: (chosen) => JSON.stringify(chosen.map(({ layer }) => layer)),
  drawer: (chosen, { layers }) => {
    const counts = countByLayer(chosen);
    return (generator) => {
      const left = randomNeuronsByLayer(counts, layers, generator);
      return chosen.flatMap((own) =>
        left.splice(
          left.findIndex(({ layer }) => layer === own.layer),
          1,
        ),
      );
    };
  },
} as const satisfies NullModel;

const wholeModel = {
  name: 'whole-model',
  words: 'of the whole model',
  asks: 'whether it is these neurons rather than any others, as the article claims',
  key: (chosen) => String(chosen.length),
  drawer(chosen, { layers }) {
    const place = (position: number) => placeAt(position, layers);
    return (generator) => drawDistinct(chosen.length, countNeurons(layers), generator).map(place);
  },
} as const satisfies NullModel;

/** The share of a layer's neurons that count as nearest, and the least number. */
const NEAREST = { share: 0.1, least: 10 } as const;

const sameMagnitude = {
  name: 'same-magnitude',
  words: 'of nearly the same magnitude in the same layers',
  asks: 'whether it is more than the size of their weights',
  key: (chosen) => chosen.map(placeText).join(' '),
  drawer(chosen, from) {
    const nearest = chosen.map((place) => nearestInMagnitude(place, from));
    return (generator) => {
      const taken = new Set(chosen.map(placeText));
      return chosen.map((place, i) => {
        const others = nearest[i]?.filter((other) => !taken.has(placeText(other))) ?? [];
        const drawn = others[drawDistinct(1, others.length, generator)[0] ?? 0] ?? place;
        taken.add(placeText(drawn));
        return drawn;
      });
    };
  },
} as const satisfies NullModel;

/** In the order in which results show them; charts with room for one show the first. */
export const NULLS = [sameLayers, wholeModel, sameMagnitude] as const;
export type NullName = (typeof NULLS)[number]['name'];
export const NULL_NAMES: readonly NullName[] = NULLS.map(({ name }) => name);

export function nullNamed(name: NullName): NullModel {
  return NULLS.find((one) => one.name === name) as NullModel;
}

/** The other neurons of its layer that are nearest in magnitude. */
function nearestInMagnitude({ layer, index }: NeuronPlace, { layers, magnitudes }: DrawnFrom): NeuronPlace[] {
  const { start, size } = startOf(layers, layer);
  const own = magnitudes[start + index] as number;
  const distance = (other: number): number => Math.abs((magnitudes[start + other] as number) - own);
  return Array.from({ length: size }, (_, other) => other)
    .filter((other) => other !== index)
    .sort((a, b) => distance(a) - distance(b) || a - b)
    .slice(0, Math.max(NEAREST.least, Math.ceil(NEAREST.share * size)))
    .map((other) => ({ layer, index: other }));
}
