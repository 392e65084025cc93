import type { Split } from '../data/split.js';
import { isTicked } from '../data/ticks.js';
import type { GroupLabel } from '../kit/table.js';
import { granularity, plural } from './format.js';
import { plain } from './text.js';

/** The names of a dataset's groups, and which of them are minorities. */
export interface NamedGroups {
  /** Name of each group g = y * numSpurious + a, [numGroups]. */
  readonly groupNames: readonly string[];
  /** Indices of the minority groups; the article stars them. */
  readonly minorityGroups: readonly number[];
}

/** The labels of all groups, in order. */
export type Groups = readonly GroupLabel[];

export function groupLabels({ groupNames, minorityGroups }: NamedGroups): GroupLabel[] {
  return groupNames.map((raw, index) => {
    const minority = minorityGroups.includes(index);
    const short = `G${index}${minority ? '*' : ''}`;
    const name = plain(raw);
    return { index, minority, short, name, full: name === '' ? short : `${short} ${name}` };
  });
}

/** How images are grouped; `ReportDataset` says more. */
interface Grouped {
  readonly spuriousNames?: readonly string[];
  readonly ticks?: string | undefined;
}

/** Whether a group is the ticked images of a class. */
export function isTickedGroup({ spuriousNames = [], ticks }: Grouped, group: number): boolean {
  return isTicked({ options: { ticks }, numSpurious: spuriousNames.length }, group);
}

/** Whether groups with images in the test split are whole classes: no attribute is known, or none of its images is ticked. */
export function areClasses(
  dataset: Grouped & { readonly counts: Readonly<Record<Split, readonly number[]>> },
): boolean {
  const { spuriousNames = [], ticks, counts } = dataset;
  if (ticks === undefined) return spuriousNames.length === 1;
  return counts.test.every((count, group) => count === 0 || !isTickedGroup(dataset, group));
}

/** Writes a group by its number: `G2*`. */
export function groupNameIn(groups: Groups): (group: number) => string {
  return (group) => groups[group]?.short ?? `G${group}`;
}

/** The short labels of some groups; `all` when it is every group. */
export function shortList(indices: readonly number[], groups: Groups, all = 'every group'): string {
  if (groups.length > 1 && indices.length === groups.length) return all;
  return indices.map(groupNameIn(groups)).join(', ');
}

/** The meaning of the star, if there is one. */
export function starNote(groups: Groups): string[] {
  return groups.some(({ minority }) => minority) ? ['* minority group'] : [];
}

/** The indices of all minority groups, or of all majority groups. */
export function groupsOfKind(groups: Groups, minority: boolean): number[] {
  return groups.filter((group) => group.minority === minority).map(({ index }) => index);
}

/** The smallest group of a split in words, and the step in which its accuracy can change. */
export function smallestGroup(total: readonly number[], groups: Groups, split: string): string {
  const size = Math.min(...total.filter((count) => count > 0));
  const has = `${plural(size, 'sample')}: one of them is ${granularity(size)} points.`;
  if (total.length > 1 && total.every((other) => other === size)) return `Each ${split} group has ${has}`;
  const group = groups[total.indexOf(size)];
  return group ? `The smallest ${split} group is ${group.full} with ${has}` : '';
}
