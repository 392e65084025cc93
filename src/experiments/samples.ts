import type { Dataset } from '../data/dataset.js';
import { type Generator, native } from '../native/addon.js';

type Grouped = Pick<Dataset, 'groups' | 'numGroups'>;

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
 * The examples of a split on which perturbations are measured: `samples` of each majority group; of each minority group all, up to the
 * size of the largest one in training.
 */
export function measuredExamples(
  dataset: Grouped & Pick<Dataset, 'minorityGroups' | 'counts'>,
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
