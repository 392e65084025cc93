import { plain } from './text.js';

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

/**
 * Labels of all groups, in order.
 *
 * @param names name of each group, [numGroups]
 * @param minorityGroups indices of the minority groups
 */
export function groupLabels(names: readonly string[], minorityGroups: readonly number[]): GroupLabel[] {
  return names.map((raw, index) => {
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
