import { granularity, plural } from './format.js';
import { plain } from './text.js';

/** The names of a dataset's groups, and which of them are minorities. */
export interface NamedGroups {
  /** Name of each group g = y * numSpurious + a, [numGroups]. */
  readonly groupNames: readonly string[];
  /** Indices of the minority groups; the article stars them. */
  readonly minorityGroups: readonly number[];
}

/** How a group is written in charts and tables. */
export interface GroupLabel {
  readonly index: number;
  readonly minority: boolean;
  /** The article's notation, minority groups starred: `G2*`. */
  readonly short: string;
  /** The dataset's name of the group. */
  readonly name: string;
  /** Both: `G2* waterbird on land`. */
  readonly full: string;
}

/** Labels of all groups, in order. */
export function groupLabels({ groupNames, minorityGroups }: NamedGroups): GroupLabel[] {
  return groupNames.map((raw, index) => {
    const minority = minorityGroups.includes(index);
    const short = `G${index}${minority ? '*' : ''}`;
    const name = plain(raw);
    return { index, minority, short, name, full: name === '' ? short : `${short} ${name}` };
  });
}

/** The short labels of some groups; `all` when it is every group. */
export function shortList(
  indices: readonly number[],
  labels: readonly GroupLabel[],
  all = 'every group',
): string {
  if (labels.length > 1 && indices.length === labels.length) return all;
  return indices.map((index) => labels[index]?.short ?? `G${index}`).join(', ');
}

/** The meaning of the star, if there is one. */
export function starNote(labels: readonly GroupLabel[]): string[] {
  return labels.some(({ minority }) => minority) ? ['* minority group'] : [];
}

/** The indices of all minority groups, or of all majority groups. */
export function groupsOfKind(labels: readonly GroupLabel[], minority: boolean): number[] {
  return labels.filter((label) => label.minority === minority).map(({ index }) => index);
}

/** The smallest group of a split in words, and the step in which its accuracy can change. */
export function smallestGroup(
  total: readonly number[],
  labels: readonly GroupLabel[],
  split: string,
): string {
  const size = Math.min(...total.filter((count) => count > 0));
  const has = `${plural(size, 'sample')}: one of them is ${granularity(size)} points.`;
  if (total.length > 1 && total.every((other) => other === size)) return `Each ${split} group has ${has}`;
  const group = labels[total.indexOf(size)];
  return group ? `The smallest ${split} group is ${group.full} with ${has}` : '';
}
