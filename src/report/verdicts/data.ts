import type { ReportDataset } from '../reportData.js';
import { fixed, granularity, plural } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';

/** How rare minority groups are, and how little a measurement of the smallest one can tell. */
export function dataVerdict(
  { counts: { train, test } }: ReportDataset,
  groups: readonly GroupLabel[],
): string[] {
  const all = train.reduce((sum, count) => sum + count, 0);
  const minority = groups.filter((group) => group.minority);
  const rare = minority.reduce((sum, { index }) => sum + (train[index] ?? 0), 0);
  const least = Math.min(...test);
  const smallest = `The smallest test group has ${plural(least, 'sample')}, of which each is ${granularity(least)} points.`;
  if (minority.length === 0) return [smallest];
  return [
    `Minority groups are ${fixed((100 * rare) / all, 1)} % of the training split (${rare} of ${plural(all, 'sample')}). ${smallest}`,
  ];
}
