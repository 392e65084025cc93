/** The least and the greatest value of a number. */
export type Range = readonly [least: number, most: number];

/**
 * The numbers that come from outside, from an environment, an option, a configuration, a plan or a table: what is beyond is a slip, or
 * more than any machine takes. Memory and time still decide whether a value is of use.
 */
export const RANGES = {
  /** Processes that train together: each opens a connection to every other one. */
  processes: [1, 4096],
  port: [1, 65_535],
  /** Restarts that torchrun counts. */
  restarts: [0, 1_000_000],
  /** Results that may be pending on a device. */
  seed: [0, 2 ** 32 - 1],
  /** Whole numbers that no other line is about: epochs, steps, samples, neurons. */
  count: [0, 1_000_000_000],
  /** Real numbers: learning rates, deviations, strengths. float32 has few beyond. */
  real: [0, 1e38],
  /** What is computed or kept as many times: random sets, repeats, copies of an example. */
  repeats: [1, 100_000],
  /** The number of a class or of a value of the attribute; above, a column is taken for another, such as one of ids. */
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

/** The most characters of a name: of a class, a value of the attribute, a data set, an entry of a plan. Pages and tables repeat them. */
export const LONGEST_NAME = 200;
/** The most characters of a path, which Linux takes. */
export const LONGEST_PATH = 4096;

/** Whether a number is whole, and within a range. */
export function isWhole(value: number, [least, most]: Range): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** A range in words: `1 to 4096`. */
export function rangeInWords([least, most]: Range): string {
  return `${least} to ${most}`;
}
