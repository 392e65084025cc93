import { mersenne } from 'pure-rand/generator/mersenne';
import { SpurmemError } from '../errors.js';
import type { DominoesOptions } from './dominoesOptions.js';
import { shuffled, sum } from './plans.js';
import { perSplit, type Split, SPLITS } from './split.js';

/** One image to draw: positions in the pools of its garment's and its digit's class. */
interface Domino {
  readonly split: Split;
  /** Index in `garments`. */
  readonly y: number;
  /** Index in `digits`. */
  readonly a: number;
  readonly garment: number;
  readonly digit: number;
}

/**
 * Chooses the source images of every domino, by the seed alone, split by split and group by group. Each class's pool is
 * shuffled and shared out between the splits in proportion to what they need, so no source image is in two splits. Within a
 * split and a class, images are taken in turn: none a second time before all were taken. No pair of a digit and a garment
 * occurs twice. Throws `USAGE` when the pools, given by their sizes, are too small for the counts.
 */
export function planDominoes(
  options: DominoesOptions,
  garmentPools: readonly number[],
  digitPools: readonly number[],
): Domino[] {
  const { garments, digits, counts, seed } = options;
  const random = mersenne(seed);
  const count = (split: Split, y: number, a: number) => counts[split][y * digits.length + a] ?? 0;
  const garmentTurns = garments.map((garment, y) => {
    const needs = perSplit((split) => sum(digits.map((_, a) => count(split, y, a))));
    return shareOut(garment, shuffled(random, garmentPools[y] ?? 0), needs);
  });
  const digitTurns = digits.map((digit, a) => {
    const needs = perSplit((split) => sum(garments.map((_, y) => count(split, y, a))));
    return shareOut(`digit ${digit}`, shuffled(random, digitPools[a] ?? 0), needs);
  });

  return SPLITS.flatMap((split) =>
    garments.flatMap((garment, y) =>
      digits.flatMap((digit, a) => {
        const names = `${garment} with digit ${digit} in ${split}`;
        const pairs = pairUp(garmentTurns[y]?.[split], digitTurns[a]?.[split], count(split, y, a), names);
        return pairs.map((pair): Domino => ({ split, y, a, ...pair }));
      }),
    ),
  );
}

/** A split's share of a pool, and whose turn it is. */
interface Turns {
  readonly share: readonly number[];
  position: number;
}

/** Cuts a shuffled pool into one share per split, in proportion to the needs and at least 1. */
function shareOut(
  name: string,
  pool: readonly number[],
  needs: Readonly<Record<Split, number>>,
): Record<Split, Turns> {
  if (pool.length < SPLITS.length) {
    throw new SpurmemError(
      'USAGE',
      `There are only ${pool.length} different images of ${name}, too few to give each split its own. Choose another.`,
    );
  }
  const total = sum(Object.values(needs));
  const sizes = perSplit((split) => Math.max(1, Math.floor((pool.length * needs[split]) / total)));
  // Raising a share to 1 may have overdrawn the pool: the largest share makes up for it.
  const most = Math.max(...Object.values(sizes));
  const largest = SPLITS.find((split) => sizes[split] === most) ?? 'train';
  sizes[largest] -= Math.max(0, sum(Object.values(sizes)) - pool.length);
  let start = 0;
  return perSplit((split) => {
    const share = pool.slice(start, start + sizes[split]);
    start += sizes[split];
    return { share, position: 0 };
  });
}

/**
 * Takes `count` garments and digits in turn. Both turns together repeat after lcm(garments, digits) pairs; moving the
 * digits on by one then gives new pairs again, until all garments x digits pairs were taken.
 */
function pairUp(
  garments: Turns | undefined,
  digits: Turns | undefined,
  count: number,
  names: string,
): { garment: number; digit: number }[] {
  if (garments === undefined || digits === undefined) throw new Error('a share per class');
  const [numGarments, numDigits] = [garments.share.length, digits.share.length];
  if (count > numGarments * numDigits) {
    throw new SpurmemError(
      'USAGE',
      `\`counts\` ask for ${count} different images of ${names}, but its ${numGarments} garments and ${numDigits} ` +
        `digits make only ${numGarments * numDigits}.`,
      {
        parameter: 'counts',
        advice: ["Lower that count, or the other splits' to leave it a larger share."],
      },
    );
  }
  const period = (numGarments / greatestCommonDivisor(numGarments, numDigits)) * numDigits;
  const pairs = Array.from({ length: count }, (_, index) => ({
    garment: garments.share[(garments.position + index) % numGarments] ?? 0,
    digit: digits.share[(digits.position + index + Math.floor(index / period)) % numDigits] ?? 0,
  }));
  garments.position += count;
  digits.position += count + Math.floor(count / period);
  return pairs;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
