import type { Command } from 'commander';
import { writeCsv } from '../../csvFile.js';
import { memorization } from '../../experiments/memorization.js';
import { csvRows } from '../../kit/rows.js';
import { engineOptions } from '../../native/engine.js';
import { memorizationTable } from '../../study/memorization.js';
import { addJob } from '../job.js';
import { addEngineOptions, type ComputingOptions } from '../options.js';
import { textTables } from '../textTable.js';
import { requireNew } from './evaluate.js';

export function addCommand(command: Command): void {
  command
    .argument('<run...>', 'run folders with `leaveOut` that differ in their seeds alone')
    .option('--csv <file>', 'write a row for each training image');
  addJob<ComputingOptions & { readonly csv?: string }>(
    addEngineOptions(command),
    async ({ csv, ...options }, output, control, runs) => {
      if (csv !== undefined) await requireNew(csv);
      const found = await memorization({ ...engineOptions(options), ...control, runs });
      if (csv !== undefined) await writeCsv(csv, csvRows(found.images));
      const written = csv === undefined ? [] : [`${found.images.length} images: ${csv}`];
      output.result([textTables(memorizationTable(found.groups), output), ...written].join('\n'), {
        groups: found.groups,
        ...(csv === undefined ? {} : { csv }),
      });
    },
  );
}
