import { accuracyInterval, changeInterval, type Interval, meanInterval } from '#src/metrics/intervals.js';
import { summarizeSeeds } from '#src/metrics/seeds.js';
import { mean, momentsOf } from '#src/metrics/statistics.js';
import type { Distribution } from './distributions.js';

/** The share of intervals that hold the truth: mean, lowest and highest over neighboring truths. */
export interface Coverage {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** Points on each side of a truth at which coverage is averaged. */
const NEIGHBORS = 20;
/** Counts less probable than this are left out. */
const NEGLIGIBLE = 1e-12;

/**
 * Exact coverage of `accuracyInterval`: no draws, but the sum of the probabilities of all counts whose interval holds the true
 * share, at 41 shares within 2.5 points of the given one, since counts are whole and coverage jumps from share to share.
 */
export function accuracyCoverage(total: number, share: number): Coverage {
  const intervals = Array.from({ length: total + 1 }, (_, correct) => accuracyInterval(correct, total));
  return overNeighbors((offset) => {
    const truth = share + 0.0249 * offset;
    return sum(
      binomial(total, truth).map((mass, count) => (holds(intervals[count] as Interval, truth) ? mass : 0)),
    );
  });
}

/**
 * Exact coverage of `changeInterval`, of all numbers of lost and gained examples, at 41 pairs of true shares within 25 % of the
 * given ones.
 */
export function changeCoverage(total: number, lost: number, gained: number): Coverage {
  const intervals = new Map<number, Interval>();
  return overNeighbors((offset) => {
    const [lostShare, gainedShare] = [lost * (1 + offset / 4), gained * (1 + offset / 4)];
    let covered = 0;
    binomial(total, lostShare).forEach((massOfLost, countLost) => {
      if (massOfLost < NEGLIGIBLE) return;
      binomial(total - countLost, gainedShare / (1 - lostShare)).forEach((massOfGained, countGained) => {
        if (massOfLost * massOfGained < NEGLIGIBLE) return;
        const key = countLost * (total + 1) + countGained;
        const interval =
          intervals.get(key) ?? changeInterval({ total, lost: countLost, gained: countGained });
        intervals.set(key, interval);
        if (holds(interval, gainedShare - lostShare)) covered += massOfLost * massOfGained;
      });
    });
    return covered;
  });
}

/** Share of `runs` samples of `count` values whose `meanInterval` holds the true mean, 0. */
export function meanCoverage({ draw }: Distribution, count: number, runs: number): number {
  return shareOf(runs, () => holds(meanInterval(momentsOf(Array.from({ length: count }, draw))), 0));
}

/** Shares of `runs` studies with the given number of seeds whose intervals, by Student's t and by the bootstrap, hold the true mean, 0. */
export function seedCoverage(
  { draw }: Distribution,
  seeds: number,
  runs: number,
): { readonly t: number; readonly bootstrap: number } {
  const summaries = Array.from({ length: runs }, () => summarizeSeeds(Array.from({ length: seeds }, draw)));
  const share = (intervals: readonly (Interval | null | undefined)[]): number =>
    mean(intervals.map((interval) => Number(interval && holds(interval, 0))));
  return {
    t: share(summaries.map(({ interval }) => interval)),
    bootstrap: share(summaries.map(({ bootstrap }) => bootstrap)),
  };
}

/** Share of runs in which something happens. */
function shareOf(runs: number, happens: () => boolean): number {
  return sum(Array.from({ length: runs }, () => Number(happens()))) / runs;
}

function overNeighbors(coverageAt: (offset: number) => number): Coverage {
  const found = Array.from({ length: 2 * NEIGHBORS + 1 }, (_, i) => coverageAt((i - NEIGHBORS) / NEIGHBORS));
  return { mean: mean(found), low: Math.min(...found), high: Math.max(...found) };
}

/** Probabilities of 0 to n, [n + 1]. */
function binomial(n: number, p: number): number[] {
  let logMass = n * Math.log1p(-p);
  const mass = [Math.exp(logMass)];
  for (let k = 0; k < n; k += 1) {
    logMass += Math.log((n - k) / (k + 1)) + Math.log(p) - Math.log1p(-p);
    mass.push(Math.exp(logMass));
  }
  return mass;
}

function holds([low, high]: Interval, truth: number): boolean {
  return low <= truth && truth <= high;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
