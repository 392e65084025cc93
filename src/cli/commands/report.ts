import type { Command } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';
import { misuse } from '../parameters.js';

interface ReportOptions extends CommonOptions {
  readonly run?: string;
  readonly runs?: readonly string[];
  readonly out?: string;
}

export function addCommand(command: Command): void {
  command
    .option('--run <run>', 'run folder, where its report is written')
    .option('--runs <runs...>', 'two run folders or more, which are shown side by side on one page')
    .option('--out <file>', 'the page (default: report.html in --run, or "runs.html" of --runs)');
  addJob<ReportOptions>(addCommonOptions(command), async ({ run, runs, out }, output) => {
    if ((run === undefined) === (runs === undefined))
      throw misuse('run', undefined, 'Give either `run`, a run folder, or `runs`, two or more.');
    const path = await (runs ? reportOfRuns(runs, out) : reportOfRun(run ?? '', out));
    output.result(`Report: ${path}`, { report: path });
  });
}

async function reportOfRun(run: string, out: string | undefined): Promise<string> {
  const { writeReport } = await import('../../report/writeReport.js');
  return writeReport({ run, out });
}

async function reportOfRuns(runs: readonly string[], out: string | undefined): Promise<string> {
  const { writeRunsReport } = await import('../../report/runsReport.js');
  return writeRunsReport({ runs, out });
}
