import type { Command } from 'commander';
import { writeRunsReport } from '../../report/runsReport.js';
import { writeReport } from '../../report/writeReport.js';
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
    const path = await (runs ? writeRunsReport({ runs, out }) : writeReport({ run: run ?? '', out }));
    output.result(`Report: ${path}`, { report: path });
  });
}
