import type { Flip } from './atlasResult.js';

/** Flips of each group whose images are shown. */
const SHOWN = 2;

/** The first flips of each group, whose images are shown. */
export function firstOfGroups(flips: readonly Flip[]): Flip[] {
  const seen = new Map<number, number>();
  return flips.filter(({ group }) => {
    const before = seen.get(group) ?? 0;
    seen.set(group, before + 1);
    return before < SHOWN;
  });
}
