import type { Command } from 'commander';
import { loadBenchmark } from '../benchmark.js';
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
      const benchmark = await loadBenchmark();
      const { case: cases } = options;
      if (cases === undefined) {
        const { text, document } = benchmark.list();
        output.result(text, document);
        return;
      }
      const request = { ...options, ...control, cases, folder: options.data };
      const { text, document, passed } = await benchmark.run(request, (line) => {
        output.info(line);
      });
      output.result(text, document);
      if (!passed) process.exitCode = 1;
    });
  });
}
