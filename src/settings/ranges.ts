/** The smallest and the largest value of a number. */
export type Range = readonly [min: number, max: number];

/**
 * Sanity bounds of numbers from the environment, options, files and tables: anything outside is a typo, or more than any machine can do.
 */
export const RANGES = {
  /** Processes that train together: each opens a connection to every other one. */
  processes: [1, 4096],
  port: [1, 65_535],
  /** Restarts that torchrun counts. */
  restarts: [0, 1_000_000],
  seed: [0, 2 ** 32 - 1],
  /** Other whole numbers: epochs, steps, samples, neurons. */
  count: [0, 1_000_000_000],
  /** Real numbers: learning rates, deviations, strengths. About the range of float32. */
  real: [0, 1e38],
  /** Numbers of random sets, repeats, copies of an example. */
  repeats: [1, 100_000],
  /** The number of a class or of an attribute's value; larger ones are likely ids, from the wrong column. */
  label: [0, 9999],
  /** Groups, for the same reason. */
  groups: [1, 10_000],
  /** Standard deviations of pixels, which images are divided by; also the size of their means. */
  deviation: [1e-6, 1e6],
  /** Pixels of a side of a model's input. */
  side: [1, 4096],
  /** Jobs of a plan. */
  jobs: [1, 100_000],
} as const satisfies Readonly<Record<string, Range>>;

/** Maximum characters of a name (of a class, an attribute's value, a data set, an entry of a plan), which pages and tables repeat. */
export const LONGEST_NAME = 200;
/** Maximum characters of a path on Linux. */
export const LONGEST_PATH = 4096;

/** Whether a number is whole, and within a range. */
export function isWhole(value: number, [min, max]: Range): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/** A range in words: `1 to 4096`. */
export function rangeInWords([min, max]: Range): string {
  return `${min} to ${max}`;
}
