import type { Command } from 'commander';
import { SpurmemError } from '../../errors.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

interface ReportOptions extends CommonOptions {
  readonly run?: string | undefined;
  readonly runs?: readonly string[] | undefined;
  readonly out?: string | undefined;
  readonly data?: string | undefined;
}

export function addReportCommand(command: Command): void {
  addCommonOptions(
    command
      .option('--run <run>', 'run folder, where its report is written')
      .option('--runs <runs...>', 'two run folders or more, which are shown side by side on one page')
      .option('--out <file>', 'the page (default: report.html in --run, or "runs.html" of --runs)')
      .option('--data <folder>', 'dataset folder, for a run from before runs kept what reports tell of it'),
  );
  addJob<ReportOptions>(command, async ({ run, runs, out, data }, output) => {
    if ((run === undefined) === (runs === undefined)) {
      throw new SpurmemError('USAGE', 'Give either `run`, a run folder, or `runs`, two or more.', {
        parameter: 'run',
      });
    }
    const path = await write({ run, runs, out, data });
    output.result(`Report: ${path}`, { report: path });
  });
}

async function write({
  run = '',
  runs,
  out,
  data,
}: Omit<ReportOptions, keyof CommonOptions>): Promise<string> {
  if (runs === undefined) {
    const { writeReport } = await import('../../report/writeReport.js');
    return writeReport({ run, data, out });
  }
  if (data !== undefined) {
    throw new SpurmemError('USAGE', '`data` goes with `run`: of several runs, each tells its own.', {
      ...{ parameter: 'data', value: data },
    });
  }
  const { writeRunsReport } = await import('../../report/runsReport.js');
  return writeRunsReport({ runs, out });
}
