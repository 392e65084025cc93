import type { Command } from 'commander';
import { runJob } from '../job.js';
import {
  addCommonOptions,
  deviceOption,
  integer,
  positive,
  threadsOption,
  type CommonOptions,
} from '../options.js';

interface BenchCommandOptions extends CommonOptions {
  readonly case?: readonly string[];
  readonly repeats?: number;
  readonly run?: string;
  readonly data: string;
  readonly device: string;
  readonly threads: number;
  readonly compare?: string;
  readonly tolerance: number;
}

export function addBenchCommand(command: Command): void {
  addCommonOptions(
    command
      .option('--case <name...>', 'what to measure; all: every case')
      .addOption(integer('--repeats <n>', 'measured repeats of each side (default: the case\u2019s)', 1))
      .option('--run <run>', 'run folder of a trained model, for cases that trace one')
      .option('--data <folder>', 'where the data that cases make is kept', 'data/bench')
      .addOption(deviceOption())
      .addOption(threadsOption())
      .option('--compare <file>', 'an earlier result (--json) that no case may fall behind')
      .addOption(positive('--tolerance <share>', 'how far a ratio may fall behind').default(0.1)),
  ).action(async (options: BenchCommandOptions) => {
    await runJob(options, async (output, control) => {
      const { case: cases } = options;
      const [{ runBench }, { CASES }, { benchTable, caseList, caseLine }] = await Promise.all([
        import('../../bench/runBench.js'),
        import('../../bench/cases.js'),
        import('../benchTables.js'),
      ]);
      if (cases === undefined) {
        const list = CASES.map(({ name, description, needsRun }) => {
          return { name, description, needsRun: needsRun === true };
        });
        output.result(caseList(list), { cases: list });
        return;
      }
      const result = await runBench({
        ...options,
        ...control,
        cases,
        folder: options.data,
        onCase: (measured) => {
          output.info(caseLine(measured));
        },
      });
      output.result(benchTable(result), result);
      const fellBehind = result.comparison?.cases.some((compared) => compared.fellBehind) === true;
      const disagreed = result.cases.some(({ agreement }) => (agreement?.different.length ?? 0) > 0);
      if (fellBehind || disagreed) process.exitCode = 1;
    });
  });
}
