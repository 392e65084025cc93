import type { Command } from 'commander';
import { writeCsv } from '../../csvFile.js';
import { memorization } from '../../experiments/memorization.js';
import { csvRows } from '../../kit/rows.js';
import { memorizationTable } from '../../study/memorization/tables.js';
import { addJob } from '../job.js';
import { ENGINE, ownOptions } from '../options.js';
import { textTables } from '../textTable.js';
import { requireNew } from './evaluate.js';

const CSV = ownOptions<{ readonly csv?: string }>((command) =>
  command.option('--csv <file>', 'write a row for each training image'),
);

export function addCommand(command: Command): void {
  command.argument('<run...>', 'run folders with `leaveOut` that differ in their seeds alone');
  addJob(command, [CSV, ENGINE], async ({ csv, ...given }, output, control, runs) => {
    if (csv !== undefined) await requireNew(csv);
    const found = await memorization({ ...given, ...control, runs });
    if (csv !== undefined) await writeCsv(csv, csvRows(found.images));
    const written = csv === undefined ? [] : [`${found.images.length} images: ${csv}`];
    output.result([textTables(memorizationTable(found.groups), output), ...written].join('\n'), {
      groups: found.groups,
      ...(csv === undefined ? {} : { csv }),
    });
  });
}
