import type { Command } from 'commander';
import { quotedWord } from '../../provenance.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';
import { nextLine } from '../printRun.js';
import { openGroups } from '../tables.js';

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
    const { from, hasAttribute, isRegrouped } = await openGroups(run);
    const own = quotedWord(run);
    const unrepaired = hasAttribute ? `train dfr --from ${own}` : `discover --run ${own}`;
    const next = from === undefined ? unrepaired : `compare ${quotedWord(from)} ${own}`;
    const lines = [`Report: ${path}`, ...(isRegrouped ? [] : [nextLine(next)])];
    output.result(lines.join('\n'), { report: path });
  });
}
