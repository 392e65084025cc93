import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run: string;
  readonly out?: string;
}

export function addCommand(command: Command): void {
  command
    .requiredOption('--run <run>', 'run folder, where its report is written')
    .option('--out <file>', 'the page (default: report.html in the run folder)');
  addJob<ReportOptions>(addCommonOptions(command), async ({ run, out }, output, control) => {
    const { writeReport } = await import('../../report/writeReport.js');
    const path = await writeReport({ ...control, run, out });
    output.result(`Report: ${path}`, { report: path });
  });
}
