import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import { DEFAULT_DFR } from '../../train/baselineSettings.js';
import type { DfrOptions } from '../../train/dfr.js';
import { runJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  chosenDatasetOptions,
  integer,
  numbers,
  precisionOption,
  type ComputeOptions,
} from '../options.js';

interface DfrCommandOptions
  extends
    ComputeOptions,
    DatasetOptions,
    Pick<DfrOptions, 'inverseStrengths' | 'draws' | 'batchSize' | 'precision'> {
  readonly from: string;
  readonly data?: string;
  readonly out?: string;
  readonly resume: boolean;
}

/** Adds `train dfr`. */
export function addDfrCommand(train: Command): void {
  const command = train
    .command('dfr')
    .description('last-layer retraining on the validation split (Kirichenko et al. 2023)')
    .requiredOption('--from <run>', 'run folder of the model whose last layer is retrained')
    .option('--data <folder>', 'dataset folder (default: the one that run was trained on)')
    .option('--out <run>', 'run folder (default: <from>-dfr)')
    .option('--resume', 'keep the result in --out, or finish it', false)
    .addOption(
      numbers(
        '--inverse-strengths <list>',
        `values of C of the L1 penalty to choose from (default: ${DEFAULT_DFR.inverseStrengths.join(',')})`,
      ),
    )
    .addOption(
      integer(
        '--draws <n>',
        `group-balanced subsets whose fits are averaged (default: ${DEFAULT_DFR.draws})`,
        1,
      ),
    )
    .addOption(integer('--batch-size <n>', 'batch size (default: that of --from)', 1))
    .addOption(precisionOption('that of --from'));
  addDatasetOptions(addComputeOptions(command)).action(async (options: DfrCommandOptions) => {
    await runJob(options, async (output, control) => {
      const [{ trainDfr }, { openRun }, { loadDataset }, { trainingTables }, { describeDataset }] =
        await Promise.all([
          import('../../train/dfr.js'),
          import('../../train/runFolder.js'),
          import('../../data/dataset.js'),
          import('../tables.js'),
          import('../../report/describeDataset.js'),
        ]);
      const { environment } = await openRun(options.from);
      const datasetOptions = chosenDatasetOptions(options);
      const dataset = await loadDataset(
        options.data ?? environment.data,
        datasetOptions ?? environment.dataOptions,
      );
      const out = options.out ?? `${options.from.replace(/\/+$/, '')}-dfr`;
      const result = await trainDfr({ ...options, ...control, out, datasetOptions });
      output.result(`${trainingTables(describeDataset(dataset), result, output.color)}\nRun: ${out}`, {
        run: out,
        ...result,
      });
    });
  });
}
