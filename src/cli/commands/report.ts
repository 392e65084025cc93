import type { Command } from 'commander';
import { runJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run: string;
  readonly data?: string;
}

export function addReportCommand(program: Command): void {
  addCommonOptions(
    program
      .command('report')
      .description('write a run\u2019s report.html and figures from its results')
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
