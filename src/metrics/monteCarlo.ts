import { count, real, type Recorded } from '../recorded.js';
import type * as z from '../zod.js';
import { intervalSchema } from './schemas.js';
import { mean, middle } from './statistics.js';

/** When a sequential Monte Carlo test stops. */
export interface StoppingRule {
  /** Draws at least as far out as the observed value after which a side is decided, h. */
  readonly exceedances: number;
  /** Draws after which both sides are decided, n. */
  readonly nullDraws: number;
}

/** An observed value compared with draws from its null distribution. */
export const monteCarloShape = {
  /** Two-sided: twice the smaller p of both sides, at most 1. */
  pValue: real,
  /** One-sided, for a drop: draws at most the observed value count. */
  pDrop: real,
  /** Draws up to the one that decided the slower side; those after it are not used. */
  draws: count,
  mean: real,
  /** The middle 95 % of the draws. */
  interval: intervalSchema,
};
export type MonteCarloTest = Recorded<z.ZodObject<typeof monteCarloShape>>;

/** Equal changes, as sums of fractions, may differ in the last digits. */
const TIE = 1e-12;

/**
 * Sequential Monte Carlo test (Besag and Clifford, Biometrika 78, 1991); undefined while the rule asks for more draws. A side
 * is decided at its h-th exceedance, the l-th draw, with p = h / l, or after n draws, g of which exceed, with p = (g + 1) / (n
 * + 1). Ties exceed on both sides.
 *
 * If the observed value is a draw like the others, one side has P(p <= a) = a at each p that it can take, and less if draws tie.
 * The two-sided p is twice the smaller one, so that the null's own center, not 0, counts as no effect. It is uniform too: below
 * 1 both sides cannot be so small at once, because l - 1 draws have at least h on one side where l - 1 >= 2 h - 1.
 */
export function monteCarloTest(
  observed: number,
  draws: readonly number[],
  rule: StoppingRule,
): MonteCarloTest | undefined {
  if (![rule.exceedances, rule.nullDraws].every((number) => Number.isInteger(number) && number >= 1)) {
    throw new RangeError(`A rule of ${rule.exceedances} exceedances and ${rule.nullDraws} draws`);
  }
  // Comparisons with NaN are false: it would count as the most extreme value.
  const unusable = [observed, ...draws].find((value) => !Number.isFinite(value));
  if (unusable !== undefined) throw new RangeError(`A change of ${unusable}`);
  const drop = sideOf(draws, rule, (draw) => draw <= observed + TIE);
  const rise = sideOf(draws, rule, (draw) => draw >= observed - TIE);
  if (!drop || !rise) return undefined;
  const used = draws.slice(0, Math.max(drop.draws, rise.draws));
  return {
    pValue: Math.min(1, 2 * Math.min(drop.p, rise.p)),
    pDrop: drop.p,
    draws: used.length,
    mean: mean(used),
    interval: middle(used),
  };
}

function sideOf(
  draws: readonly number[],
  { exceedances, nullDraws }: StoppingRule,
  exceeds: (draw: number) => boolean,
): { readonly p: number; readonly draws: number } | undefined {
  const most = Math.min(draws.length, nullDraws);
  let found = 0;
  for (let draw = 0; draw < most; draw += 1) {
    if (exceeds(draws[draw] as number)) found += 1;
    if (found === exceedances) return { p: exceedances / (draw + 1), draws: draw + 1 };
  }
  return most === nullDraws ? { p: (found + 1) / (nullDraws + 1), draws: nullDraws } : undefined;
}
