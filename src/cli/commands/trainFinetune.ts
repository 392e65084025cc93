import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Architecture } from '../../models/architectures.js';
import type { FinetuneChoices } from '../../train/finetuneConfig.js';
import { finetuneOptions } from '../finetuneOptions.js';
import { runJob } from '../job.js';
import {
  addComputeOptions,
  addDatasetOptions,
  archOption,
  chosenDatasetOptions,
  protocolOption,
  type ComputeOptions,
} from '../options.js';

interface FinetuneCommandOptions extends ComputeOptions, DatasetOptions, FinetuneChoices {
  readonly seed: number;
  readonly from: string;
  readonly data?: string;
  readonly out?: string;
  readonly arch?: Architecture;
  readonly resume: boolean;
}

/** Adds `train finetune`. */
export function addFinetuneCommand(train: Command): void {
  const command = train
    .command('finetune')
    .description('fine-tune a run against spurious memorization (article, Eqs 3 to 5)')
    .requiredOption('--from <run>', 'run folder of the model to start from')
    .option('--data <folder>', 'dataset folder (default: the one that run was trained on)')
    .option('--out <run>', 'run folder (default: <from>-finetune)')
    .addOption(archOption())
    .option('--resume', 'continue the run in --out from its last finished epoch', false)
    .addOption(protocolOption());
  for (const option of finetuneOptions()) command.addOption(option);
  addDatasetOptions(addComputeOptions(command)).action(async (options: FinetuneCommandOptions) => {
    await runJob(options, async (output, control) => {
      const [
        { trainFinetune },
        { openRun },
        { loadDataset },
        { describeEpoch },
        { trainingTables },
        { describeDataset },
      ] = await Promise.all([
        import('../../train/finetune.js'),
        import('../../train/runFolder.js'),
        import('../../data/dataset.js'),
        import('../describe.js'),
        import('../tables.js'),
        import('../../report/describeDataset.js'),
      ]);
      const { environment } = await openRun(options.from);
      const datasetOptions = chosenDatasetOptions(options);
      const dataset = await loadDataset(
        options.data ?? environment.data,
        datasetOptions ?? environment.dataOptions,
      );
      const out = options.out ?? `${options.from.replace(/\/+$/, '')}-finetune`;
      const result = await trainFinetune({
        ...options,
        ...control,
        out,
        datasetOptions,
        onEpoch: (metrics) => {
          output.info(describeEpoch(metrics, dataset.groupNames));
        },
      });
      output.result(`${trainingTables(describeDataset(dataset), result, output.color)}\nRun: ${out}`, {
        run: out,
        ...result,
      });
    });
  });
}
