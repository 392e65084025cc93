/** A distribution of counts: `mass[i]` is the probability of `first + i`. */
export interface CountDistribution {
  readonly first: number;
  readonly mass: Float64Array;
}

/** Counts less probable than this share of the most probable one are left out: together less than 1e-12 of the mass. */
const NEGLIGIBLE = 1e-14;

/**
 * The binomial distribution of `n` draws with probability `p`, by the ratios of neighbouring probabilities from the most
 * probable count outwards, scaled to a sum of 1. Nothing overflows or cancels, which factorials do from n = 1,000 on.
 *
 * @returns first = NaN for p = NaN
 */
export function binomial(n: number, p: number): CountDistribution {
  const mode = Math.min(Math.floor((n + 1) * p), n);
  const odds = p / (1 - p);
  const below: number[] = [];
  for (let k = mode, ratio = 1; k > 0; k -= 1) {
    ratio *= k / ((n - k + 1) * odds);
    if (ratio < NEGLIGIBLE) break;
    below.push(ratio);
  }
  const above = [1];
  for (let k = mode, ratio = 1; k < n; k += 1) {
    ratio *= ((n - k) * odds) / (k + 1);
    if (ratio < NEGLIGIBLE) break;
    above.push(ratio);
  }
  const mass = Float64Array.from([...below.reverse(), ...above]);
  const sum = mass.reduce((total, ratio) => total + ratio, 0);
  return { first: mode - below.length, mass: mass.map((ratio) => ratio / sum) };
}

/**
 * The distribution of gained - lost among `n` draws of which each is lost, gained or neither (multinomial): those that
 * are not neither are binomial, and so are the gained ones among them.
 *
 * @param lost probability that a draw is lost
 * @param gained probability that it is gained; lost + gained <= 1
 */
export function gainedMinusLost(n: number, lost: number, gained: number): CountDistribution {
  const changed = binomial(n, lost + gained);
  const share = gained > 0 ? gained / (lost + gained) : 0;
  const gainedOfFewest = binomial(changed.first, share);
  const ofGained = new Float64Array(gainedOfFewest.mass.length + changed.mass.length);
  ofGained.set(gainedOfFewest.mass);
  const mass = new Float64Array(2 * n + 1);
  changed.mass.forEach((probability, more) => {
    // Index 0 of `mass` is -n: so many gained of so many changed ones are 2 * gained - changed.
    const start = n + 2 * gainedOfFewest.first - (changed.first + more);
    for (let i = gainedOfFewest.mass.length - 1 + more; i >= 0; i -= 1) {
      mass[start + 2 * i] = (mass[start + 2 * i] as number) + probability * (ofGained[i] as number);
      // Of one draw more: it is gained, or it is not.
      ofGained[i + 1] = (ofGained[i + 1] as number) + share * (ofGained[i] as number);
      ofGained[i] = (1 - share) * (ofGained[i] as number);
    }
  });
  return { first: -n, mass };
}

/** The smallest count whose distribution function, the probability of it and all below, is at least `level`. */
export function countQuantile({ first, mass }: CountDistribution, level: number): number {
  let sum = 0;
  for (let i = 0; i < mass.length - 1; i += 1) {
    sum += mass[i] as number;
    if (sum >= level) return first + i;
  }
  return first + mass.length - 1;
}
