import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

/** The numbers below `size` in a random order (Fisher and Yates). */
export function shuffled(random: RandomGenerator, size: number): number[] {
  const order = Array.from({ length: size }, (_, index) => index);
  for (let last = size - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
