import { type Command, Option } from 'commander';
import { addJob } from '../job.js';
import { addCommonOptions, type CommonOptions } from '../options.js';

/** What runs can be sorted by. */
const SORTS = ['run', 'method', 'seed', 'epochs', 'val-worst', 'test-worst', 'test-average'] as const;

interface RunsOptions extends CommonOptions {
  readonly in: string;
  readonly sort: (typeof SORTS)[number];
  readonly filter?: readonly string[];
}

export function addRunsCommand(command: Command): void {
  addCommonOptions(
    command
      .option('--in <folder>', 'folder below which runs are looked for', 'runs')
      .addOption(
        new Option('--sort <by>', 'what they are sorted by, accuracies from the highest down')
          .choices(SORTS)
          .default('run'),
      )
      .option(
        '--filter <name=value...>',
        'only runs of this state, method, dataset, or setting, such as state=finished lr=0.001',
      ),
  );
  addJob<RunsOptions>(command, async (options, output, { onWarning }) => {
    const [{ listRuns }, { arrangeRuns, runsTable }, { textTable }] = await Promise.all([
      import('../../experiments/runs/listRuns.js'),
      import('../runTables.js'),
      import('../textTable.js'),
    ]);
    const found = await listRuns(options.in, { onWarning });
    const runs = arrangeRuns(found, options.sort, options.filter ?? []);
    const table = runsTable(runs, found.length, options.in);
    output.result(textTable(table, { color: output.color }), { runs });
  });
}
