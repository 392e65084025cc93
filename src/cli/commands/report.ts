import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run: string;
  readonly data?: string;
}

export function addReportCommand(command: Command): void {
  addCommonOptions(
    command
      .requiredOption('--run <run>', 'run folder')
      .option('--data <folder>', 'dataset folder, for a run from before runs kept what reports tell of it'),
  );
  addJob<ReportOptions>(command, async ({ run, data }, output) => {
    const { writeReport } = await import('../../report/writeReport.js');
    const path = await writeReport({ run, data });
    output.result(`Report: ${path}`, { report: path });
  });
}
