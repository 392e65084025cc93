// The blind test of a named attribute within a class: Fisher's exact test on images of which half were predicted wrong, and the gap in
// accuracy with its Jeffreys interval. scripts/blindTest.mjs of commit 1fb97b62 measured size, coverage and power.
import jstat from 'jstat';
import type { Interval } from '../../metrics/intervals.js';
import { quantile } from '../../metrics/statistics.js';

const { jStat } = jstat;

/** Ticks of some wrong and some right images of a class. */
export interface Ticked {
  /** Images predicted wrong, and those of them with the attribute. */
  readonly wrong: number;
  readonly wrongTicked: number;
  readonly right: number;
  readonly rightTicked: number;
}

/** A class: its images, of both halves, and those of them predicted wrong. */
export interface ClassCounts {
  readonly images: number;
  readonly wrong: number;
}

/** Points of the interval. */
const POINTS = 2000;

/** Fisher's exact test that wrong images have the attribute more often: its one-sided p. 1 without a tick. */
export function fisherTest({ wrong, wrongTicked, right, rightTicked }: Ticked): number {
  const ticked = wrongTicked + rightTicked;
  const all = jStat.combinationln(wrong + right, ticked);
  let p = 0;
  for (let k = wrongTicked; k <= Math.min(wrong, ticked); k += 1) {
    if (ticked - k <= right)
      p += Math.exp(jStat.combinationln(wrong, k) + jStat.combinationln(right, ticked - k) - all);
  }
  return Math.min(1, p);
}

/** The point at `index` of the van der Corput sequence: its digits mirrored at the point. */
function mirrored(index: number, base: number): number {
  let [sum, share, left] = [0, 1 / base, index];
  for (; left > 0; left = Math.floor(left / base), share /= base) sum += share * (left % base);
  return sum;
}

const known = new Map<string, readonly number[]>();

/** Quantiles of Jeffreys' posterior of a share at fixed points. */
function quantilesOf(successes: number, total: number, base: number): readonly number[] {
  const key = [successes, total, base].join();
  const inverse = (share: number): number => jStat.beta.inv(share, successes + 0.5, total - successes + 0.5);
  const made = known.get(key) ?? Array.from({ length: POINTS }, (_, i) => inverse(mirrored(i + 1, base)));
  known.set(key, made);
  return made;
}

/**
 * The accuracy without the attribute minus that with it in a class: the estimate (the interval's median if no right image is ticked, which
 * would say "always wrong", or if all images are; undefined without a tick) and the 95 % Jeffreys interval, about images like these.
 */
export function accuracyGap(
  { wrong, wrongTicked, right, rightTicked }: Ticked,
  of: ClassCounts,
): { readonly estimate?: number; readonly interval: Interval } {
  // Bases of Halton's sequence.
  const [ofRight, errors] = [quantilesOf(rightTicked, right, 3), quantilesOf(of.wrong, of.images, 5)];
  const gaps = quantilesOf(wrongTicked, wrong, 2).map((ofWrong, i) =>
    gapOf(ofWrong, ofRight[i] as number, errors[i] as number),
  );
  const interval: Interval = [quantile(gaps, 0.025), quantile(gaps, 0.975)];
  if (wrongTicked + rightTicked === 0) return { interval };
  const estimate =
    rightTicked === 0 || wrongTicked + rightTicked === wrong + right
      ? quantile(gaps, 0.5)
      : gapOf(wrongTicked / wrong, rightTicked / right, of.wrong / of.images);
  return { estimate, interval };
}

/** The gap by the shares of wrong and right images that have the attribute, and the class's error. */
function gapOf(ofWrong: number, ofRight: number, error: number): number {
  const [both, right] = [error * ofWrong, (1 - error) * ofRight];
  return both / (both + right) - (error - both) / (1 - both - right);
}

/** The upper 95 % limit (Clopper and Pearson) of a class's error. A hidden group of share s is wrong in at most this / s of its images. */
export function errorBound({ images, wrong }: ClassCounts): number {
  return wrong === images ? 1 : jStat.beta.inv(0.95, wrong + 1, images - wrong);
}

/** A class, its error, and a hidden group: its share of the images, and how much more often it is wrong. */
type Hidden = Readonly<Record<'images' | 'error' | 'share' | 'gap', number>>;

/** Outcomes less likely than this do not count. */
const NEGLIGIBLE = 1e-6;
/** Nodes and weights of Gauss and Hermite, for the number of wrong images. */
const NODES = [
  [-Math.sqrt(3), 1 / 6],
  [0, 2 / 3],
  [Math.sqrt(3), 1 / 6],
] as const;

/** Visits every outcome of a test of `ticks` images with its probability. Returns the sum of `value`; undefined if no class is like that. */
export function expectation(
  { images, error, share, gap }: Hidden,
  ticks: number,
  value: (ticked: Ticked, counts: ClassCounts) => number,
): number | undefined {
  const base = error - share * gap;
  if (base < -1e-9 || base + gap > 1 + 1e-9) return undefined;
  const ofWrong = (share * (base + gap)) / error;
  const ofRight = (share * (1 - base - gap)) / (1 - error);
  let [sum, total] = [0, 0];
  for (const [node, weight] of NODES) {
    const wrong = Math.round(images * error + node * Math.sqrt(images * error * (1 - error)));
    const sampled = Math.max(1, Math.min(Math.floor(wrong / 2), Math.floor(ticks / 2)));
    const [ticksOfWrong, ticksOfRight] = [binomial(sampled, ofWrong), binomial(ticks - sampled, ofRight)];
    for (const [wrongTicked, p] of ticksOfWrong.entries()) {
      if (weight * p < NEGLIGIBLE) continue;
      for (const [rightTicked, q] of ticksOfRight.entries()) {
        if (weight * p * q < NEGLIGIBLE) continue;
        const ticked = { wrong: sampled, wrongTicked, right: ticks - sampled, rightTicked };
        sum += weight * p * q * value(ticked, { images, wrong });
        total += weight * p * q;
      }
    }
  }
  return sum / total;
}

/** The probability that a test of `ticks` images finds the gap at 5 %; undefined if no class is like that. */
export function testPower(of: Hidden, ticks: number): number | undefined {
  return expectation(of, ticks, (ticked) => Number(fisherTest(ticked) <= 0.05));
}

/** P(X = k) of a binomial distribution, [n + 1]. */
function binomial(n: number, p: number): number[] {
  return Array.from({ length: n + 1 }, (_, k) => jStat.binomial.pdf(k, n, Math.min(1, Math.max(0, p))));
}
