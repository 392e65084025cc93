import type { Command } from 'commander';
import { SpurmemError } from '../../errors.js';
import { integer, positive } from '../../settings/values.js';
import { loadBenchmark } from '../benchmark.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions, engineOption } from '../options.js';
import { valueOption } from '../settings.js';

interface BenchCommandOptions extends CommonOptions {
  readonly case?: readonly string[];
  readonly repeats?: number;
  readonly run?: string;
  readonly data: string;
  readonly device?: string;
  readonly threads?: number;
  readonly out?: string;
  readonly compare?: string;
  readonly tolerance: number;
}

export function addBenchCommand(command: Command): void {
  addCommonOptions(
    command
      .option('--case <name...>', 'what to measure; all: every case')
      .addOption(
        valueOption('--repeats <n>', 'measured repeats of each side (default: the case\u2019s)', integer(1)),
      )
      .option('--run <run>', 'run folder of a trained model, for cases that trace one')
      .option('--data <folder>', 'where the data that cases make is kept', 'data/bench')
      .addOption(engineOption('device'))
      .addOption(engineOption('threads'))
      .option(
        '--out <file>',
        'keeps the result (JSON), case by case: those that it has, of the same commit and machine, are not measured again',
      )
      .option('--compare <file>', 'an earlier result (--json) that no case may fall behind')
      .addOption(
        valueOption('--tolerance <share>', 'how far a ratio may fall behind', positive()).default(0.1),
      ),
  );
  addJob<BenchCommandOptions>(command, async (options, output, control) => {
    const benchmark = await loadBenchmark();
    const { case: cases } = options;
    if (cases === undefined) {
      const unused = (['out', 'compare', 'repeats', 'run'] as const).find(
        (name) => options[name] !== undefined,
      );
      if (unused !== undefined) {
        throw new SpurmemError('USAGE', `\`${unused}\` takes \`case\`: without one, the cases are listed.`, {
          parameter: unused,
          value: options[unused],
        });
      }
      const { text, document } = benchmark.list();
      output.result(text, document);
      return;
    }
    const { device = 'auto', threads = 0, data: folder } = options;
    const request = { ...options, ...control, cases, folder, device, threads };
    const { text, document, passed } = await benchmark.run(request, (line) => {
      output.info(line);
    });
    output.result(text, document);
    if (!passed) process.exitCode = 1;
  });
}
