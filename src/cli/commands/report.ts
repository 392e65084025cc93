import type { Command } from 'commander';
import { runJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run: string;
  readonly data?: string;
}

export function addReportCommand(command: Command): void {
  addCommonOptions(
    command
      .requiredOption('--run <run>', 'run folder')
      .option('--data <folder>', 'dataset folder (default: the one the run was trained on)'),
  ).action(async (options: ReportOptions) => {
    await runJob(options, async (output) => {
      const { writeReport } = await import('../../report/writeReport.js');
      const path = await writeReport(options);
      output.result(`Report: ${path}`, { report: path });
    });
  });
}
