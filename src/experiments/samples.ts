import type { Dataset } from '../data/dataset.js';
import { misplaced } from '../errors.js';
import { type Generator, native } from '../native/addon.js';

type Grouped = Pick<Dataset, 'groups' | 'numGroups'>;

/** Returns up to `most` examples of each group, group after group: drawn from larger groups, else all in their order. */
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

/** Throws `USAGE` where a group of the training split has fewer than two examples, one for each half. */
export function requireTwoOfEach({ counts, groupNames, table }: Dataset): void {
  const group = counts.train.findIndex((count) => count < 2);
  if (group === -1) return;
  const name = `group ${group} (${groupNames[group] ?? ''})`;
  throw misplaced(
    'heldOutHalf',
    true,
    'two training examples of each group or more',
    `\`heldOutHalf\` halves the training examples of each group, and ${table} has ${counts.train[group] ?? 0} of ${name}.`,
    'Leave `heldOutHalf` out, or trace a run on data with more of them.',
  );
}

/** Training examples, in the order of the split. */
export interface TrainingExamples {
  /** Those that neurons are chosen on. */
  readonly chosenOn: Int32Array;
  /** Those that they are judged on. */
  readonly judgedOn: Int32Array;
}

/** Halves of each group, drawn from the seed: of an odd number one more is judged on. Without `heldOutHalf` both are all. */
export function trainingExamples(
  dataset: Grouped & Pick<Dataset, 'splits' | 'counts'>,
  { seed, heldOutHalf }: { readonly seed: number; readonly heldOutHalf: boolean },
): TrainingExamples {
  const { train } = dataset.splits;
  if (!heldOutHalf) return { chosenOn: train, judgedOn: train };
  const half = (group: number): number => Math.floor((dataset.counts.train[group] ?? 0) / 2);
  // A generator of its own: the halves do not depend on what else is drawn.
  const drawn = new Set(samplesOfGroups(dataset, train, half, new (native().Generator)(seed)));
  return {
    chosenOn: train.filter((index) => drawn.has(index)),
    judgedOn: train.filter((index) => !drawn.has(index)),
  };
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
