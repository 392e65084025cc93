import { randomLcg } from 'd3-random';

/** Differences up to whose number all signs are tried, and how many assignments of signs are drawn beyond. */
const SIGN_FLIP = { mostExact: 20, draws: 100_000 } as const;

/** A sign-flip test of paired differences. */
export interface SignFlip {
  /** Two-sided. */
  readonly pValue: number;
  /** Assignments of signs that were compared: all 2^n, or those drawn. */
  readonly assignments: number;
  readonly exact: boolean;
}

/**
 * Sign-flip permutation test of the mean of paired differences (Fisher's randomization test): under the null each difference
 * is as likely with the other sign. p is the share of all 2^n assignments of signs whose |sum| is at least the observed one's,
 * or, of more than 20 differences, (g + 1) / (draws + 1) with g of 100,000 seeded draws. The smallest p of n differences is
 * 2 / 2^n: 0.0625 for five seeds.
 *
 * @returns null of no differences
 */
export function signFlip(differences: readonly number[]): SignFlip | null {
  const count = differences.length;
  if (count === 0) return null;
  const exact = count <= SIGN_FLIP.mostExact;
  const sums = exact ? allSums(differences) : drawnSums(differences);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  // Sums of the same numbers in other signs may differ in the last digits where they are equal.
  const tie = 1e-12 * differences.reduce((sum, value) => sum + Math.abs(value), 0);
  const atLeast = sums.reduce((found, sum) => found + (Math.abs(sum) >= observed - tie ? 1 : 0), 0);
  return exact
    ? { pValue: atLeast / sums.length, assignments: 2 ** count, exact }
    : { pValue: (atLeast + 1) / (sums.length + 1), assignments: sums.length, exact };
}

/** The sums of all signs but the first's, whose other half are the same with the other sign. */
function allSums([first = 0, ...rest]: readonly number[]): Float64Array {
  let sums = Float64Array.of(first);
  for (const value of rest) {
    const more = new Float64Array(2 * sums.length);
    sums.forEach((sum, i) => {
      more[2 * i] = sum + value;
      more[2 * i + 1] = sum - value;
    });
    sums = more;
  }
  return sums;
}

function drawnSums(differences: readonly number[]): Float64Array {
  const random = randomLcg(0);
  return Float64Array.from({ length: SIGN_FLIP.draws }, () =>
    differences.reduce((sum, value) => sum + (random() < 0.5 ? value : -value), 0),
  );
}
