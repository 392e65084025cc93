import type { Command } from 'commander';
import type { Architecture } from '../../models/architectures.js';
import { runJob } from '../job.js';
import type { DatasetOptions } from '../../data/dataset.js';
import {
  addComputeOptions,
  addDatasetOptions,
  archOption,
  datasetOptionsOf,
  integer,
  positive,
  type ComputeOptions,
} from '../options.js';

interface TrainErmOptions extends ComputeOptions, DatasetOptions {
  readonly data: string;
  readonly out?: string;
  readonly arch: Architecture;
  readonly weights?: string;
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly resume: boolean;
}

export function addTrainCommands(program: Command): void {
  const train = program.command('train').description('train a network');
  addDatasetOptions(
    addComputeOptions(
      train
        .command('erm')
        .description('empirical risk minimization with the article\u2019s recipe')
        .requiredOption('--data <folder>', 'dataset folder')
        .option('--out <run>', 'run folder (default: runs/erm-<dataset>)')
        .addOption(archOption().default('resnet50'))
        .option(
          '--weights <file>',
          'safetensors or PyTorch file (.pth, .pt, .pth.tar) to start from; a head with other classes is replaced',
        )
        .addOption(integer('--epochs <n>', 'epochs', 1).default(100))
        .addOption(integer('--batch-size <n>', 'batch size', 1).default(256))
        .addOption(positive('--lr <rate>', 'learning rate of Adam').default(1e-4))
        .option('--resume', 'continue the run in --out from its last finished epoch', false),
    ),
  ).action(async (options: TrainErmOptions) => {
    await runJob(options, async (output, control) => {
      const [{ trainErm }, { loadDataset }, { describeEpoch }, { ermTables }] = await Promise.all([
        import('../../train/erm.js'),
        import('../../data/dataset.js'),
        import('../describe.js'),
        import('../tables.js'),
      ]);
      const datasetOptions = datasetOptionsOf(options);
      const dataset = await loadDataset(options.data, datasetOptions);
      const out = options.out ?? `runs/erm-${dataset.name}`;
      const result = await trainErm({
        ...options,
        ...control,
        out,
        datasetOptions,
        onEpoch: (metrics) => {
          output.info(describeEpoch(metrics, dataset.groupNames));
        },
      });
      output.result(`${ermTables(dataset, result, output.color)}\nRun: ${out}`, { run: out, ...result });
    });
  });
}
