import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Command, Option } from 'commander';
import { SpurmemError } from '../../errors.js';
import type { JobOptions } from '../../progress.js';
import { integer, positive } from '../../settings/values.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions, engineOption } from '../options.js';
import { misuse } from '../parameters.js';
import { TypedOption } from '../settings.js';

/** A request of `spurmem bench`. */
export interface BenchRequest extends JobOptions {
  /** Names of cases, or `all` for those that need no run. */
  readonly cases: readonly string[];
  /** Measured repeats of each side; by default as many as each case says. */
  readonly repeats?: number | undefined;
  /** The folder of the data that cases make. */
  readonly folder: string;
  /** A run that `trainErm` finished, for cases that need one. */
  readonly run?: string | undefined;
  /** `auto`, `cpu`, `cuda` or `cuda:n`, as both sides understand it. */
  readonly device: string;
  /** Threads of each side; 0: all cores. */
  readonly threads: number;
  /** The file of the result; cases that it has are not measured again. */
  readonly out?: string | undefined;
  /** An earlier result. */
  readonly compare?: string | undefined;
  /** An earlier checkout, built, whose side takes the place of each case's rival. */
  readonly against?: string | undefined;
  /** The share by which a ratio may fall behind the earlier one. */
  readonly tolerance: number;
}

interface BenchCommandOptions
  extends CommonOptions, Pick<BenchRequest, 'repeats' | 'run' | 'out' | 'compare' | 'against' | 'tolerance'> {
  readonly case?: readonly string[];
  readonly data: string;
  readonly device?: string;
  readonly threads?: number;
}

/** A result for people, and as the document that `--json` prints. */
interface BenchOutput {
  readonly text: string;
  readonly document: unknown;
}

/** The part of `bench/` that the command line calls. It stands beside the library, which works without it. */
export interface Benchmark {
  /** Lists the cases. */
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
const ENTRY = new URL('../../../bench/dist/main.js', import.meta.url);

export function addCommand(command: Command): void {
  command
    .option('--case <name...>', 'what to measure; all: every case')
    .addOption(
      new TypedOption(
        '--repeats <n>',
        'measured repeats of each side (default: the case\u2019s)',
        integer(1),
      ),
    )
    .option('--run <run>', 'run folder of a trained model, for cases that trace one')
    .option('--data <folder>', 'where the data that cases make is kept', 'data/bench')
    .addOption(engineOption('device'))
    .addOption(engineOption('threads'))
    .option(
      '--out <file>',
      'keeps the result (JSON), case by case: those that it has, of the same commit and machine, are not measured again',
    )
    .option('--compare <file>', 'an earlier result (--json) that no case may fall behind three times')
    .addOption(
      new Option(
        '--against <folder>',
        'an earlier checkout, built: measures beside it instead of beside PyTorch, and no case may fall behind three times',
      ).conflicts(['compare', 'out']),
    )
    .addOption(
      new TypedOption('--tolerance <share>', 'how far a ratio may fall behind', positive()).default(0.1),
    );
  addJob<BenchCommandOptions>(addCommonOptions(command), async (options, output, control) => {
    const benchmark = await loadBenchmark();
    const { case: cases } = options;
    if (cases === undefined) {
      const unused = (['out', 'compare', 'against', 'repeats', 'run'] as const).find(
        (name) => options[name] !== undefined,
      );
      if (unused !== undefined) {
        const problem = `\`${unused}\` takes \`case\`: without one, the cases are listed.`;
        throw misuse(unused, options[unused], problem);
      }
      const { text, document } = benchmark.list();
      output.result(text, document);
      return;
    }
    const { device = 'auto', threads = 0, data: folder } = options;
    const request = { ...options, ...control, cases, folder, device, threads };
    const { text, document, passed } = await benchmark.run(request, output.info);
    output.result(text, document);
    if (!passed) process.exitCode = 1;
  });
}

/** Throws `BENCH_FAILED` where the benchmark is not installed or not built. */
async function loadBenchmark(): Promise<Benchmark> {
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
