import type { Dataset } from '../data/dataset.js';
import { misplaced } from '../errors.js';

/** Positions of the minority groups' training examples, in the split's order. */
export function minorityImages({ groups, minorityGroups, splits }: Dataset): Int32Array {
  const minorities = new Set(minorityGroups);
  return splits.train.filter((index) => minorities.has(groups[index] as number));
}

/** The same for a setting that needs some. Throws `USAGE` naming it where there are none. */
export function requireMinorityImages(dataset: Dataset, parameter: string, value: unknown): Int32Array {
  const images = minorityImages(dataset);
  if (images.length > 0) return images;
  const problem =
    `\`${parameter}\` is ${String(value)}, and ${dataset.name} has no training image of a minority group: its training groups have ` +
    `${dataset.counts.train.join(', ')} images.`;
  const advice = `Leave \`${parameter}\` out, or name another \`data\`.`;
  throw misplaced(parameter, value, 'nothing here', problem, advice);
}
