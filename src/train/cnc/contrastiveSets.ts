import { drawnWithoutRepeats, shuffled } from '../../data/sampling.js';
import type { ContrastiveSets, Generator } from '../../native/interface.js';

/** The images of each part of a contrastive set. */
export interface SetSizes {
  /** The anchor, and examples like it. */
  readonly anchors: number;
  readonly positives: number;
  /** Those of the anchor; the first positive has as many. */
  readonly negatives: number;
}

export function imagesOf({ anchors, positives, negatives }: SetSizes): number {
  return anchors + positives + 2 * negatives;
}

/**
 * Draws contrastive sets by class y and ERM's prediction p (Zhang et al. 2022, section 4). An anchor is an example that ERM gets
 * right. Its positives are of its class and predicted otherwise, its negatives of other classes and predicted alike. The first
 * positive is an anchor, too, whose positives are the examples like the first anchor, and which has negatives of its own.
 *
 * As in the published code, all sets are alike, and no larger than each part allows; where a class has no error, positives are of
 * that class however predicted, and where a prediction has no example of another class, negatives are of other classes however
 * predicted.
 */
export class SetSampler {
  /** Rows of `labels`, as all examples here. */
  readonly anchors: Int32Array;
  readonly sizes: SetSizes;
  readonly #pools = new Map<string, Int32Array>();

  /** Labels and ERM's predictions, of which at least one is right, are [N]. */
  constructor(
    readonly labels: Int32Array,
    readonly predictions: Int32Array,
    asked: SetSizes,
  ) {
    this.anchors = this.#rows((label, predicted) => label === predicted);
    const classes = [...new Set(Array.from(this.anchors, (row) => labels[row] as number))];
    // The predictions of the anchors and of their first positives.
    const negatives = classes.flatMap((y) => {
      const ofPositives = Array.from(this.#positives(y), (row) => predictions[row] as number);
      return [y, ...new Set(ofPositives)].map((p) => this.#negatives(y, p));
    });
    const fewest = (pools: readonly Int32Array[]): number => Math.min(...pools.map(({ length }) => length));
    this.sizes = {
      anchors: Math.min(asked.anchors, fewest(classes.map((y) => this.#alike(y)))),
      positives: Math.min(asked.positives, fewest(classes.map((y) => this.#positives(y)))),
      negatives: Math.min(asked.negatives, fewest(negatives)),
    };
  }

  /** The anchor and examples like it, positives, its negatives, the first positive's negatives. */
  draw(anchor: number, generator: Generator): Int32Array {
    const { sizes } = this;
    const y = this.labels[anchor] as number;
    const alike = drawnWithoutRepeats(this.#alike(y), sizes.anchors - 1, generator);
    const drawn = drawnWithoutRepeats(this.#positives(y), sizes.positives, generator);
    // In random order, since the first one is an anchor.
    const positives = generator.randperm(drawn.length).map((place) => drawn[place] as number);
    const negatives = drawnWithoutRepeats(this.#negatives(y, y), sizes.negatives, generator);
    const predicted = this.predictions[positives[0] as number] as number;
    const others = drawnWithoutRepeats(this.#negatives(y, predicted), sizes.negatives, generator);
    return Int32Array.of(anchor, ...alike, ...positives, ...negatives, ...others);
  }

  #alike(y: number): Int32Array {
    return this.#pool(`alike ${y}`, [(label, predicted) => label === y && predicted === y]);
  }

  #positives(y: number): Int32Array {
    return this.#pool(`positives ${y}`, [
      (label, predicted) => label === y && predicted !== y,
      (label) => label === y,
    ]);
  }

  #negatives(y: number, p: number): Int32Array {
    return this.#pool(`negatives ${y} ${p}`, [
      (label, predicted) => label !== y && predicted === p,
      (label) => label !== y,
    ]);
  }

  /** The rows of the first condition that holds for any, made once. */
  #pool(name: string, conditions: readonly Condition[]): Int32Array {
    const known = this.#pools.get(name);
    if (known) return known;
    const pools = conditions.map((condition) => this.#rows(condition));
    const pool = pools.find(({ length }) => length > 0) ?? new Int32Array();
    this.#pools.set(name, pool);
    return pool;
  }

  #rows(condition: Condition): Int32Array {
    const rows = this.labels.map((_label, row) => row);
    return rows.filter((row) => condition(this.labels[row] as number, this.predictions[row] as number));
  }
}

type Condition = (label: number, predicted: number) => boolean;

/** The sets of an epoch: of a share of the anchors in random order, or of as many as give an image for each example. */
export function epochOfSets(
  sampler: SetSampler,
  anchorShare: number | undefined,
  generator: Generator,
): Int32Array {
  const { anchors, labels, sizes } = sampler;
  const wanted = anchorShare === undefined ? labels.length / imagesOf(sizes) : anchorShare * anchors.length;
  const count = Math.min(anchors.length, Math.max(1, Math.round(wanted)));
  const sets = Array.from(shuffled(anchors, generator).subarray(0, count), (anchor) =>
    sampler.draw(anchor, generator),
  );
  return Int32Array.from(sets.flatMap((set) => [...set]));
}

/** Both sides of a batch of whole sets: the anchors with their negatives, and the first positives with theirs. */
export function sidesOf(sizes: SetSizes, images: number): readonly [ContrastiveSets, ContrastiveSets] {
  const { anchors, positives, negatives } = sizes;
  const size = imagesOf(sizes);
  const starts = Array.from({ length: images / size }, (_, set) => set * size);
  const rows = (from: number, count: number): Int32Array =>
    Int32Array.from(starts.flatMap((start) => Array.from({ length: count }, (_, i) => start + from + i)));
  const ofAnchor = rows(anchors + positives, negatives);
  const ofPositive = rows(anchors + positives + negatives, negatives);
  return [
    { anchors: rows(0, 1), positives: rows(anchors, positives), negatives: ofAnchor },
    { anchors: rows(anchors, 1), positives: rows(0, anchors), negatives: ofPositive },
  ];
}
