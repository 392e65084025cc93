import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';

/** What is to be measured. */
export interface BenchRequest extends JobOptions {
  /** Names of cases, or `all` for those that need no run. */
  readonly cases: readonly string[];
  /** Measured repeats of each side; by default as many as each case says. */
  readonly repeats?: number | undefined;
  /** Where cases keep the data that they make. */
  readonly folder: string;
  /** A run that `trainErm` finished, for cases that need one. */
  readonly run?: string | undefined;
  /** `auto`, `cpu`, `cuda` or `cuda:n`, as both sides understand it. */
  readonly device: string;
  /** Threads of each side; 0: all cores. */
  readonly threads: number;
  /** Where the result is kept; cases that it has are not measured again. */
  readonly out?: string | undefined;
  /** An earlier result. */
  readonly compare?: string | undefined;
  /** The share by which a ratio may fall behind the earlier one. */
  readonly tolerance: number;
}

/** A result for people, and as the document that `--json` prints. */
interface BenchOutput {
  readonly text: string;
  readonly document: unknown;
}

/** What `bench/` gives to the command line. It stands beside the library, which works without it. */
export interface Benchmark {
  /** The cases that there are. */
  readonly list: () => BenchOutput;
  /**
   * Measures cases.
   *
   * @param onCase is given a line about each case once it is measured
   * @returns besides the output whether no case fell behind the earlier result and all outcomes agreed
   * @throws `USAGE`, `BASELINE_INVALID`, `PYTORCH_MISSING`, `BENCH_FAILED`, `INTERRUPTED`
   */
  readonly run: (
    request: BenchRequest,
    onCase: (line: string) => void,
  ) => Promise<BenchOutput & { readonly passed: boolean }>;
}

/** The benchmark as built, which names it `benchmark`. */
const ENTRY = new URL('../../bench/dist/main.js', import.meta.url);

/**
 * Loads the benchmark.
 *
 * @throws `BENCH_FAILED` where it is not installed or not built
 */
export async function loadBenchmark(): Promise<Benchmark> {
  if (!existsSync(ENTRY)) {
    throw new SpurmemError(
      'BENCH_FAILED',
      [
        `The benchmark is not here: there is no ${fileURLToPath(ENTRY)}.`,
        '  1. The npm package leaves it out: run `spurmem bench` in a checkout of the sources.',
        '  2. In a checkout, build it: scripts/setup.sh (or `npm run build`).',
      ].join('\n'),
    );
  }
  return ((await import(ENTRY.href)) as { readonly benchmark: Benchmark }).benchmark;
}
