import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { mersenne } from 'pure-rand/generator/mersenne';
import { SpurmemError } from '../../errors.js';
import { shuffled, sum } from '../plans.js';
import { perSplit, type Split, SPLITS } from '../split.js';
import type { ResolvedComposeOptions } from './options.js';
import { WATERBIRDS_COUNTS } from './waterbirds.js';

/** One image to compose. */
interface Composition {
  readonly split: Split;
  readonly y: number;
  /** The place. */
  readonly a: number;
  /** Position in the list of foregrounds. */
  readonly foreground: number;
  /** Position in the list of the place's scenes. */
  readonly scene: number;
  /** Where a cut-out that goes anywhere lies: [across, down], from 0 to 1. */
  readonly at: readonly [number, number];
}

/** Cut-outs and scenes to compose from. */
interface Sources {
  /** In their fixed order. */
  readonly foregrounds: readonly { readonly y: number; readonly split: Split | undefined }[];
  /** [classes] */
  readonly classes: readonly string[];
  /** The places, and how many scenes each has. */
  readonly places: readonly { readonly name: string; readonly scenes: number }[];
}

/**
 * Chooses the foreground and the scene of every image, by the seed alone, split by split and group by group. A foreground is
 * in one split, and in one image of it; paired, in one on each place. A scene is in one image. Throws `USAGE` when there are too
 * few foregrounds or scenes.
 */
export function planCompositions(options: ResolvedComposeOptions, sources: Sources): Composition[] {
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
    return deal(name, y, sources, needs, random);
  });
  const scenes = places.map(({ name, scenes: size }, a) => {
    const need = sum(SPLITS.flatMap((split) => classes.map((_, y) => count(split, y, a))));
    if (need > size) {
      throw new SpurmemError(
        'USAGE',
        `The images need ${need} scenes of ${name}, each only once, and there are ${size}.`,
        { parameter: 'counts', advice: ['Add scenes, or lower the counts.'] },
      );
    }
    return shuffled(random, size).values();
  });
  // A foreground lies at the same place in all of its images.
  const at = sources.foregrounds.map(() => [uniformFloat64(random), uniformFloat64(random)] as const);
  return SPLITS.flatMap((split) =>
    classes.flatMap((_, y) => {
      let taken = 0;
      return places.flatMap((_place, a) => {
        const from = isPaired(split) ? 0 : taken;
        taken += count(split, y, a);
        const chosen = pools[y]?.[split].slice(from, from + count(split, y, a)) ?? [];
        return chosen.map((foreground): Composition => {
          const scene = scenes[a]?.next().value as number;
          return { split, y, a, foreground, scene, at: at[foreground] ?? [0.5, 0.5] };
        });
      });
    }),
  );
}

/** Shares out a class's foregrounds between the splits; validation comes out of training where no row is for it. */
function deal(
  name: string,
  y: number,
  { foregrounds }: Sources,
  needs: Readonly<Record<Split, number>>,
  random: ReturnType<typeof mersenne>,
): Record<Split, number[]> {
  const pool = poolsOf(foregrounds, y);
  const order = (indices: readonly number[]): number[] =>
    shuffled(random, indices.length).map((at) => indices[at] as number);
  const take = (from: number[], split: Split): number[] => {
    if (from.length >= needs[split]) return from.splice(0, needs[split]);
    throw new SpurmemError(
      'USAGE',
      `\`counts\` ask for ${needs[split]} foregrounds of ${name} in ${split}, and there are ${from.length} left.`,
      { parameter: 'counts', advice: ['Lower them, or add foregrounds.'] },
    );
  };
  if (pool.any.length > 0) {
    const any = order(pool.any);
    return perSplit((split) => take(any, split));
  }
  const train = order(pool.train);
  const val = pool.val.length > 0 ? order(pool.val) : train;
  return { val: take(val, 'val'), train: take(train, 'train'), test: take(order(pool.test), 'test') };
}

/** A class's foregrounds by their split; `any` have none. */
function poolsOf(foregrounds: Sources['foregrounds'], y: number) {
  const of = (split: Split | undefined): readonly number[] =>
    [...foregrounds.keys()].filter((at) => foregrounds[at]?.y === y && foregrounds[at].split === split);
  return { any: of(undefined), ...perSplit(of) };
}

/** The counts that were asked for, Waterbirds' own, or those of all foregrounds by agreement and shares. */
function countsOf(
  { counts, preset, substringSpecies, agreement, shares, paired }: ResolvedComposeOptions,
  { foregrounds, classes, places }: Sources,
): Readonly<Record<Split, readonly number[]>> {
  if (counts !== undefined) return counts;
  if (preset !== undefined && substringSpecies) return WATERBIRDS_COUNTS;
  const [shareOfTrain, shareOfVal, shareOfTest] = shares;
  const ofClass = classes.map((_, y) => {
    const { any, train, val, test } = poolsOf(foregrounds, y);
    if (any.length > 0) {
      const sizes = { val: Math.round(any.length * shareOfVal), test: Math.round(any.length * shareOfTest) };
      return { train: any.length - sizes.val - sizes.test, ...sizes };
    }
    const taken = val.length > 0 ? 0 : Math.round((train.length * shareOfVal) / (shareOfTrain + shareOfVal));
    return { train: train.length - taken, val: val.length + taken, test: test.length };
  });
  return perSplit((split) =>
    ofClass.flatMap((sizes, y) => {
      const size = sizes[split];
      if (split === 'train') {
        const own = Math.round(agreement * size);
        const others = evenly(size - own, places.length - 1);
        return places.map((_, a) => (a === y ? own : (others[a < y ? a : a - 1] ?? 0)));
      }
      return paired ? places.map(() => size) : evenly(size, places.length);
    }),
  );
}

/** A number in `parts` of nearly equal size, the larger ones first. */
function evenly(total: number, parts: number): number[] {
  return Array.from({ length: parts }, (_, part) => Math.floor((total + parts - 1 - part) / parts));
}
