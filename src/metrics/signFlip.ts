import { randomLcg } from 'd3-random';

/** Max differences for which all signs are tried; for more, signs are drawn. */
const SIGN_FLIP = { maxExact: 20, draws: 100_000 } as const;

/** `assignments`: the number of sign assignments compared, all 2^n or those drawn. */
export type SignFlip = NonNullable<ReturnType<typeof signFlip>>;

/**
 * Sign-flip permutation test of the mean of paired differences (Fisher's randomization test); null without differences, or if one is not a number.
 * p is the share of all 2^n sign assignments whose |sum| is at least the observed one's, so that its minimum is 2 / 2^n. For more than 20
 * differences it is (g + 1) / (draws + 1), where g of 100,000 seeded draws exceed.
 *
 * @param resolution how far each difference may be off, as differences of rounded values are: sums that may be equal tie
 */
export function signFlip(differences: readonly number[], resolution = 0) {
  const count = differences.length;
  if (count === 0 || !differences.every(Number.isFinite)) return null;
  const exact = count <= SIGN_FLIP.maxExact;
  const sums = exact ? allSums(differences) : drawnSums(differences);
  const observed = Math.abs(differences.reduce((sum, value) => sum + value, 0));
  // Equal sums may differ in the last digits.
  const tie = differences.reduce((sum, value) => sum + 2 * resolution + 1e-12 * Math.abs(value), 0);
  const atLeast = sums.reduce((found, sum) => found + (Math.abs(sum) >= observed - tie ? 1 : 0), 0);
  return {
    pValue: exact ? atLeast / sums.length : (atLeast + 1) / (sums.length + 1),
    assignments: exact ? 2 ** count : sums.length,
    exact,
  };
}

/** Returns the sums under all signs with the first one fixed: the other half is their negatives. */
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
