import type { GradCamResult, GroupComparison } from '../../experiments/gradCamResult.js';
import { plural } from '../format.js';
import type { GroupLabel } from '../views/groupLabels.js';
import { range, sideOf, signed } from './words.js';

/** Whether the heat lies on the core more than area alone gives, or after more than before (article, Fig. 10). */
export function gradCamVerdict(
  { before, groups: compared, coreRegion }: GradCamResult,
  groups: readonly GroupLabel[],
): string[] {
  if (!coreRegion) return [];
  const told = compared.flatMap((comparison) => {
    const difference = before ? beforeAfter(comparison) : beyondArea(comparison);
    const label = groups[comparison.group];
    return difference && label ? [{ label, ...difference, side: sideOf(difference) }] : [];
  });
  if (told.length === 0) return [];
  const on = before ? 'rises from before to after' : 'is larger than the core’s share of the image';
  const off = before ? 'falls' : 'is smaller';
  const count = (side: 'above' | 'below'): number => told.filter((one) => one.side === side).length;
  return [
    `The core’s share of the heat ${on} in ${count('above')} of ${plural(told.length, 'group')} beyond its 95 % interval, and ${off} in ${count('below')}.`,
    told
      .map(({ label, value, interval }) => `${label.short}: ${signed(value)} (${range(interval)})`)
      .join('; ') + '.',
  ];
}

function beforeAfter({ difference }: GroupComparison) {
  return difference?.interval ? { value: difference.mean, interval: difference.interval } : undefined;
}

function beyondArea({ after: { share }, core }: GroupComparison) {
  if (!share?.interval || typeof core !== 'number') return undefined;
  const [low, high] = share.interval;
  return { value: share.mean - core, interval: [low - core, high - core] as const };
}
