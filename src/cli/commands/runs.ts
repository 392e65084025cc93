import { type Command, Option } from 'commander';
import { listRuns } from '../../experiments/runs/listRuns.js';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';
import { arrangeRuns, runsTable, type SortKey, SORTS } from '../runTables.js';
import { textTable } from '../textTable.js';

interface RunsOptions extends CommonOptions {
  readonly in: string;
  readonly sort: SortKey;
  readonly filter?: readonly string[];
}

export function addCommand(command: Command): void {
  command
    .option('--in <folder>', 'folder to search for runs', 'runs')
    .addOption(
      new Option('--sort <by>', 'order of the list; accuracies descend').choices(SORTS).default('run'),
    )
    .option(
      '--filter <name=value...>',
      'only runs of this state, method, dataset, or setting, such as state=finished lr=0.001',
    );
  addJob<RunsOptions>(addCommonOptions(command), async (options, output, { onWarning }) => {
    const found = await listRuns(options.in, { onWarning });
    const runs = arrangeRuns(found, options.sort, options.filter ?? []);
    output.result(textTable(runsTable(runs, found.length, options.in), output), { runs });
  });
}
