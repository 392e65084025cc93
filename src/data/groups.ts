import { RANGES } from '../settings/ranges.js';
import { CONFIG_NAME } from './datasetConfig.js';
import { countValues, type DatasetSource, invalidData, type ReadContext } from './layout.js';

const [, MAX_GROUPS] = RANGES.groups;

/**
 * Numbers and names of a dataset's classes, attribute values and groups. Throws `DATASET_INVALID` for values without a name and
 * columns that can be no labels.
 *
 * @param configPath of dataset.json, whose names `config` has
 */
export function nameGroups(
  configPath: string,
  source: DatasetSource<unknown>,
  config: Pick<ReadContext, 'targetNames' | 'spuriousNames'>,
) {
  const table = source.files[0].path;
  const { labels, rows, hasOtherAttribute } = source;
  const targets = config.targetNames ?? source.targetNames;
  const named = hasOtherAttribute === true ? undefined : config.spuriousNames;
  const spurious = labels.a === undefined ? undefined : (named ?? source.spuriousNames);
  const numClasses = targets?.length ?? Math.max(2, countValues(rows, 'y'));
  const numSpurious = spurious?.length ?? countValues(rows, 'a');
  const numGroups = numClasses * numSpurious;
  if (numClasses < 2) {
    throw invalidData(
      `${table}: ${labels.y} is ${JSON.stringify(targets?.[0])} in every row, and a dataset has at least two classes.`,
      `Name another column, or list the classes as targetNames in ${CONFIG_NAME}.`,
    );
  }
  if (numGroups > MAX_GROUPS) {
    throw invalidData(
      `${table}: ${labels.y} has ${numClasses} values and ${labels.a ?? 'the attribute'} ${numSpurious}, which is above ` +
        `${MAX_GROUPS} groups: one of them is hardly a label. Name other columns, or number the values without gaps.`,
    );
  }
  for (const [label, key, count] of [
    ['y', 'targetNames', numClasses],
    ['a', 'spuriousNames', numSpurious],
  ] as const) {
    const wrong = rows.find((row) => row[label] >= count);
    if (wrong === undefined) continue;
    // A mistake in the table, or in dataset.json.
    throw invalidData(
      `${table}:${wrong.line}: ${labels[label] ?? label}: ${wrong[label]} has no name: ${key} in ${configPath} ` +
        `lists ${count}, for the values 0 to ${count - 1}. Add a name, or correct the value.`,
    );
  }
  const targetNames = targets ?? numbers(numClasses);
  const spuriousNames = spurious ?? numbers(numSpurious);
  // Bare numbers would read as "0, 1"; an attribute that tells nothing apart is not named.
  const groupNames = targetNames.flatMap((target) => {
    const ofClass = targets === undefined ? `y ${target}` : target;
    if (spurious === undefined && numSpurious === 1) return [ofClass];
    return spuriousNames.map((value) => `${ofClass}, ${spurious === undefined ? `a ${value}` : value}`);
  });
  return { targetNames, spuriousNames, groupNames, numClasses, numSpurious, numGroups };
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

/**
 * The groups that hold less than half of an even share of their class's training examples: on Waterbirds 1 and 2, on
 * CelebA 3 (blond men). A class with one spurious value has none.
 *
 * @param counts training examples of each group = y * numSpurious + a, [numGroups]
 */
export function minorityGroups(counts: readonly number[], numSpurious: number): number[] {
  return counts.flatMap((count, group) => {
    const first = group - (group % numSpurious);
    const ofClass = counts.slice(first, first + numSpurious).reduce((sum, value) => sum + value, 0);
    return count < ofClass / numSpurious / 2 ? [group] : [];
  });
}
