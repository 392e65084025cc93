import { type Generator, native } from '../native/addon.js';

interface Grouped {
  /** Group of each example, [examples]. */
  readonly groups: Int32Array;
  readonly numGroups: number;
}

/** Up to `most` examples of each group, group after group: drawn where there are more, else all in their order. */
export function samplesOfGroups(
  { groups, numGroups }: Grouped,
  indices: Int32Array,
  most: number | ((group: number) => number),
  generator: Generator,
): Int32Array {
  const drawn = Array.from({ length: numGroups }, (_, group) => {
    const ofGroup = indices.filter((index) => groups[index] === group);
    const limit = typeof most === 'number' ? most : most(group);
    if (ofGroup.length <= limit) return [...ofGroup];
    return [...generator.randperm(ofGroup.length).slice(0, limit)].map(
      (position) => ofGroup[position] as number,
    );
  });
  return Int32Array.from(drawn.flat());
}

/**
 * The examples on which perturbations are measured: all of the groups that are minorities in training, as far as they are not
 * more than the largest of them is there, and `samples` of each other group.
 *
 * @param indices of a split
 */
export function measuredExamples(
  dataset: Grouped & {
    readonly minorityGroups: readonly number[];
    readonly counts: { readonly train: readonly number[] };
  },
  indices: Int32Array,
  samples: number,
  seed: number,
): Int32Array {
  const { minorityGroups, counts } = dataset;
  const largest = Math.max(0, ...minorityGroups.map((group) => counts.train[group] ?? 0));
  // A generator of its own: the examples do not depend on what else is drawn.
  return samplesOfGroups(
    dataset,
    indices,
    (group) => (minorityGroups.includes(group) ? Math.max(samples, largest) : samples),
    new (native().Generator)(seed),
  );
}
