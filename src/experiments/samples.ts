import type { Dataset } from '../data/dataset.js';
import { usageError } from '../errors.js';
import { native } from '../native/addon.js';
import type { Generator } from '../native/interface.js';

type Grouped = Pick<Dataset, 'groups' | 'numGroups'>;

/** Returns up to `max` examples of each group, group after group: drawn from larger groups, else all in their order. */
export function samplesOfGroups(
  { groups, numGroups }: Grouped,
  indices: Int32Array,
  max: number | ((group: number) => number),
  generator: Generator,
): Int32Array {
  const drawn = Array.from({ length: numGroups }, (_, group) => {
    const ofGroup = indices.filter((index) => groups[index] === group);
    const limit = typeof max === 'number' ? max : max(group);
    if (ofGroup.length <= limit) return [...ofGroup];
    return [...generator.randperm(ofGroup.length).slice(0, limit)].map(
      (position) => ofGroup[position] as number,
    );
  });
  return Int32Array.from(drawn.flat());
}

/** Throws `USAGE` if a group of the training split has a single example, and not one for each half. */
export function requireTwoOfEach({ counts, groupNames, table }: Dataset): void {
  const group = counts.train.indexOf(1);
  if (group === -1) return;
  const name = `group ${group} (${groupNames[group] ?? ''})`;
  throw usageError(
    'heldOutHalf',
    true,
    'two training examples of each group or more',
    `\`heldOutHalf\` halves the training examples of each group, and ${table} has 1 of ${name}.`,
    'Leave `heldOutHalf` out, or trace a run on data with more of them.',
  );
}

/** Training examples, in the order of the split. */
export interface TrainingExamples {
  /** Examples to choose neurons on. */
  readonly chosenOn: Int32Array;
  /** Examples to test them on. */
  readonly judgedOn: Int32Array;
}

/** Splits each group in half by the seed; an odd example goes to testing. Without `heldOutHalf`, both sets are the full split. */
export function trainingExamples(
  dataset: Grouped & Pick<Dataset, 'splits' | 'counts'>,
  { seed, heldOutHalf }: { readonly seed: number; readonly heldOutHalf: boolean },
): TrainingExamples {
  const { train } = dataset.splits;
  if (!heldOutHalf) return { chosenOn: train, judgedOn: train };
  const half = (group: number): number => Math.floor((dataset.counts.train[group] ?? 0) / 2);
  // Its own generator: the halves do not depend on other draws.
  const drawn = new Set(samplesOfGroups(dataset, train, half, new (native().Generator)(seed)));
  return {
    chosenOn: train.filter((index) => drawn.has(index)),
    judgedOn: train.filter((index) => !drawn.has(index)),
  };
}

/**
 * Returns the examples of a split on which perturbations are measured: `samples` of each majority group; all of each minority group, up to
 * the size of the largest one in training.
 */
export function measuredExamples(
  dataset: Grouped & Pick<Dataset, 'minorityGroups' | 'counts'>,
  indices: Int32Array,
  samples: number,
  seed: number,
): Int32Array {
  const { minorityGroups, counts } = dataset;
  const largest = Math.max(0, ...minorityGroups.map((group) => counts.train[group] ?? 0));
  // Its own generator: the examples do not depend on other draws.
  return samplesOfGroups(
    dataset,
    indices,
    (group) => (minorityGroups.includes(group) ? Math.max(samples, largest) : samples),
    new (native().Generator)(seed),
  );
}
