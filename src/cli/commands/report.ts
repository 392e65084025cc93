import type { Command } from 'commander';
import { quotedWord } from '../../provenance.js';
import { addJob } from '../job.js';
import { ownOptions } from '../options.js';
import { nextLine } from '../printRun.js';
import { openGroups } from '../tables.js';

const OPTIONS = ownOptions<{ readonly run: string; readonly out?: string }>((command) =>
  command
    .requiredOption('--run <run>', 'run folder, where its report is written')
    .option('--out <file>', 'the page (default: report.html in the run folder)'),
);

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async ({ run, out }, output, control) => {
    const { writeReport } = await import('../../report/writeReport.js');
    const path = await writeReport({ ...control, run, out });
    const { from, hasAttribute } = await openGroups(run);
    const own = quotedWord(run);
    const unrepaired = hasAttribute ? `train dfr --from ${own}` : `discover --run ${own}`;
    const next = from === undefined ? unrepaired : `compare ${quotedWord(from)} ${own}`;
    const lines = [`Report: ${path}`, nextLine(next)];
    output.result(lines.join('\n'), { report: path });
  });
}
