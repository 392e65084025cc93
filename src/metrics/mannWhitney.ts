import jstat from 'jstat';
import { wilcoxonRankSum } from 'simple-statistics';
import { real, type Recorded } from '../recorded.js';
import type * as z from '../zod.js';

const { normal } = jstat.jStat;

export const mannWhitneyShape = {
  /** Number of pairs in which the first sample's value is larger; a tie counts a half. */
  u: real,
  /** Two-sided. */
  pValue: real,
};
type MannWhitney = Recorded<z.ZodObject<typeof mannWhitneyShape>>;

/**
 * Mann-Whitney U test (Wilcoxon's rank-sum test) of two independent non-empty samples, like
 * `scipy.stats.mannwhitneyu(method="asymptotic")`: normal approximation, corrected for ties and continuity.
 */
export function mannWhitney(sample: readonly number[], other: readonly number[]): MannWhitney {
  const [n, m] = [sample.length, other.length];
  const total = n + m;
  const u = wilcoxonRankSum(sample, other) - (n * (n + 1)) / 2;
  const counts = new Map<number, number>();
  for (const value of [...sample, ...other]) counts.set(value, (counts.get(value) ?? 0) + 1);
  const ties = [...counts.values()].reduce((sum, count) => sum + count ** 3 - count, 0);
  const variance = ((n * m) / 12) * (total + 1 - ties / (total * (total - 1)));
  if (variance === 0) return { u, pValue: 1 }; // All values are equal.
  const z = (Math.max(u, n * m - u) - (n * m) / 2 - 0.5) / Math.sqrt(variance);
  return { u, pValue: Math.min(1, 2 * normal.cdf(-z, 0, 1)) };
}
