import { type Command, Option } from 'commander';
import { listRuns } from '../../experiments/runs/listRuns.js';
import { addJob } from '../job.js';
import { ownOptions } from '../options.js';
import { arrangeRuns, runsTable, type SortKey, SORTS } from '../runTables.js';
import { textTable } from '../textTable.js';

const OPTIONS = ownOptions<{
  readonly in: string;
  readonly sort: SortKey;
  readonly filter?: readonly string[];
}>((command) =>
  command
    .option('--in <folder>', 'folder to search for runs', 'runs')
    .addOption(
      new Option('--sort <by>', 'order of the list; accuracies descend').choices(SORTS).default('run'),
    )
    .option(
      '--filter <name=value...>',
      'only runs of this state, method, dataset, or setting, such as state=finished lr=0.001',
    ),
);

export function addCommand(command: Command): void {
  addJob(command, [OPTIONS], async ({ in: folder, sort, filter = [] }, output, { onWarning }) => {
    const found = await listRuns(folder, { onWarning });
    const runs = arrangeRuns(found, sort, filter);
    output.result(textTable(runsTable(runs, found.length, folder), output), { runs });
  });
}
