import { mersenne } from 'pure-rand/generator/mersenne';
import { randomOrder, sum } from '../drawnDataset.js';
import { badOption } from '../layout.js';
import { perSplit, type Split, SPLITS } from '../split.js';
import type { ResolvedComposeOptions } from './options.js';
import { WATERBIRDS_COUNTS, WATERBIRDS_SHARES } from './waterbirds.js';

/** Shares of the foregrounds for training, validation and test. */
const SHARES = [0.6, 0.1, 0.3] as const;

/** Cut-outs and scenes to compose from, by their positions. */
interface Sources {
  readonly foregrounds: readonly { readonly y: number; readonly split: Split | undefined }[];
  /** [classes] */
  readonly classes: readonly string[];
  /** The places, and how many scenes each has. */
  readonly places: readonly { readonly name: string; readonly scenes: number }[];
}

/**
 * Chooses the positions of the foreground and the scene of every image, by the seed alone, split by split and group by group. A foreground is
 * in one split, and in one image of it; paired, in one on each place. A scene is in one image. Throws `USAGE` when there are too
 * few foregrounds or scenes.
 */
export function planCompositions(options: ResolvedComposeOptions, sources: Sources) {
  const { classes, places } = sources;
  const random = mersenne(options.seed);
  const isPaired = (split: Split): boolean => options.paired && split !== 'train';
  const counts = countsOf(options, sources);
  const count = (split: Split, y: number, a: number): number => counts[split][y * places.length + a] ?? 0;
  const pools = classes.map((name, y) => {
    const needs = perSplit((split) => {
      const ofPlaces = places.map((_, a) => count(split, y, a));
      return isPaired(split) ? Math.max(...ofPlaces) : sum(ofPlaces);
    });
    return deal(name, poolsOf(sources, y), needs, random);
  });
  const scenes = places.map(({ name, scenes: size }, a) => {
    const need = sum(SPLITS.flatMap((split) => classes.map((_, y) => count(split, y, a))));
    if (need <= size) return randomOrder(random, size).values();
    const problem = `The images need ${need} scenes of ${name}, each only once, and there are ${size}.`;
    throw badOption('scenes', undefined, problem, 'Add scenes.');
  });
  return SPLITS.flatMap((split) =>
    classes.flatMap((_, y) => {
      let taken = 0;
      return places.flatMap((_place, a) => {
        const from = isPaired(split) ? 0 : taken;
        taken += count(split, y, a);
        const chosen = pools[y]?.[split].slice(from, from + count(split, y, a)) ?? [];
        const nextScene = () => scenes[a]?.next().value as number;
        return chosen.map((foreground) => ({ split, y, a, foreground, scene: nextScene() }));
      });
    }),
  );
}

/** A class's foregrounds by their split; `any` have none. */
function poolsOf({ foregrounds }: Sources, y: number) {
  const of = (split: Split | undefined): readonly number[] =>
    [...foregrounds.keys()].filter((at) => foregrounds[at]?.y === y && foregrounds[at].split === split);
  return { any: of(undefined), train: of('train'), test: of('test') };
}

/** Deals a class's foregrounds to the splits; validation comes out of those for training where they name their splits. */
function deal(
  name: string,
  pools: ReturnType<typeof poolsOf>,
  needs: Readonly<Record<Split, number>>,
  random: ReturnType<typeof mersenne>,
): Record<Split, number[]> {
  const order = (indices: readonly number[]): number[] =>
    randomOrder(random, indices.length).map((at) => indices[at] as number);
  const take = (from: number[], split: Split): number[] => {
    if (from.length >= needs[split]) return from.splice(0, needs[split]);
    const problem = `The counts ask for ${needs[split]} foregrounds of ${name} in ${split}, and there are ${from.length} left.`;
    throw badOption('foregrounds', undefined, problem, 'Add foregrounds.');
  };
  if (pools.any.length > 0) {
    const any = order(pools.any);
    return perSplit((split) => take(any, split));
  }
  const train = order(pools.train);
  return { val: take(train, 'val'), train: take(train, 'train'), test: take(order(pools.test), 'test') };
}

/** Images of each group: Waterbirds' own counts, or all foregrounds by agreement and shares. */
function countsOf(
  { preset, substringSpecies, agreement, paired }: ResolvedComposeOptions,
  sources: Sources,
): Readonly<Record<Split, readonly number[]>> {
  if (preset !== undefined && substringSpecies) return WATERBIRDS_COUNTS;
  const { classes, places } = sources;
  const [shareOfTrain, shareOfVal, shareOfTest] = preset === undefined ? SHARES : WATERBIRDS_SHARES;
  const ofClass = classes.map((_, y) => {
    const { any, train, test } = poolsOf(sources, y);
    if (any.length > 0) {
      const sizes = { val: Math.round(any.length * shareOfVal), test: Math.round(any.length * shareOfTest) };
      return { train: any.length - sizes.val - sizes.test, ...sizes };
    }
    const val = Math.round((train.length * shareOfVal) / (shareOfTrain + shareOfVal));
    return { train: train.length - val, val, test: test.length };
  });
  return perSplit((split) =>
    ofClass.flatMap((sizes, y) => {
      const size = sizes[split];
      if (split !== 'train') return paired ? places.map(() => size) : evenly(size, places.length);
      const own = Math.round(agreement * size);
      const others = evenly(size - own, places.length - 1);
      return places.map((_, a) => (a === y ? own : (others[a < y ? a : a - 1] ?? 0)));
    }),
  );
}

/** A number in `parts` of nearly equal size, the larger ones first. */
function evenly(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, part) => Math.floor((total + parts - 1 - part) / parts));
}
