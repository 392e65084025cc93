import type { Command } from 'commander';
import { SpurmemError } from '../../errors.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run?: string | undefined;
  readonly runs?: readonly string[] | undefined;
  readonly out?: string | undefined;
}

export function addReportCommand(command: Command): void {
  addCommonOptions(
    command
      .option('--run <run>', 'run folder, where its report is written')
      .option('--runs <runs...>', 'two run folders or more, which are shown side by side on one page')
      .option('--out <file>', 'the page (default: report.html in --run, or "runs.html" of --runs)'),
  );
  addJob<ReportOptions>(command, async ({ run, runs, out }, output) => {
    if ((run === undefined) === (runs === undefined)) {
      throw new SpurmemError('USAGE', 'Give either `run`, a run folder, or `runs`, two or more.', {
        parameter: 'run',
      });
    }
    const path = await write({ run, runs, out });
    output.result(`Report: ${path}`, { report: path });
  });
}

async function write({ run = '', runs, out }: Omit<ReportOptions, keyof CommonOptions>): Promise<string> {
  if (runs === undefined) {
    const { writeReport } = await import('../../report/writeReport.js');
    return writeReport({ run, out });
  }
  const { writeRunsReport } = await import('../../report/runsReport.js');
  return writeRunsReport({ runs, out });
}
