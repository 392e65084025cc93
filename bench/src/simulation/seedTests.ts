import { equivalence } from '#src/metrics/equivalence.js';
import { meanInterval } from '#src/metrics/intervals.js';
import { signFlip } from '#src/metrics/signFlip.js';
import { mean, momentsOf } from '#src/metrics/statistics.js';
import type { Distribution } from './distributions.js';

/** Shares of studies in which a test at 5 % is positive. */
export interface SeedTests {
  /** The paired t-test finds a difference: its interval leaves 0 out. */
  readonly t: number;
  /** The sign-flip test does. */
  readonly signFlip: number;
  /** The equivalence test finds none that matters. */
  readonly equivalent: number;
}

/**
 * Simulates studies whose paired differences over seeds have the given mean.
 *
 * @param margin of the equivalence test
 */
export function seedTests(
  { draw }: Distribution,
  { seeds, difference, margin }: { seeds: number; difference: number; margin: number },
  runs: number,
): SeedTests {
  const studies = Array.from({ length: runs }, () => {
    const differences = Array.from({ length: seeds }, () => difference + draw());
    const [low, high] = meanInterval(momentsOf(differences));
    return {
      t: low > 0 || high < 0,
      signFlip: (signFlip(differences)?.pValue ?? 1) <= 0.05,
      equivalent: equivalence(differences, margin)?.equivalent === true,
    };
  });
  const share = (test: keyof SeedTests): number => mean(studies.map((study) => Number(study[test])));
  return { t: share('t'), signFlip: share('signFlip'), equivalent: share('equivalent') };
}
