import { join } from 'node:path';
import type { Command } from 'commander';
import type { DatasetOptions } from '../../data/dataset.js';
import type { Split } from '../../data/split.js';
import { engineOptions } from '../../native/engine.js';
import { integer } from '../../settings/values.js';
import { warnOfEmptyGroups } from '../emptyGroups.js';
import { addJob } from '../job.js';
import {
  addCommonOptions,
  addDatasetOptions,
  addEngineOptions,
  type CommonOptions,
  type ComputingOptions,
  COUNT_NAMES,
  datasetOptionsOf,
  integers,
  seedOption,
  words,
} from '../options.js';
import { valueOption } from '../settings.js';
import { addComposeCommand } from './compose.js';

interface DominoesCommandOptions extends CommonOptions {
  readonly data: string;
  readonly garments?: readonly string[];
  readonly digits?: readonly number[];
  readonly trainCounts?: readonly number[];
  readonly valCounts?: readonly number[];
  readonly testCounts?: readonly number[];
  readonly size?: number;
  readonly seed: number;
  readonly fashionMnist?: string;
}

interface InspectOptions extends CommonOptions, DatasetOptions {
  readonly data: string;
}

interface GroupsCommandOptions extends ComputingOptions {
  readonly run: string;
  readonly data?: string;
  readonly out?: string;
}

export function addDatasetCommands(dataset: Command): void {
  const dominoes = addCommonOptions(
    dataset
      .command('dominoes')
      .description('a digit above a garment: a benchmark from real images with a spurious correlation')
      .option('--data <folder>', 'folder to build it in', 'data/dominoes')
      .addOption(words('--garments <list>', 'the classes, such as pullover,coat'))
      .addOption(integers('--digits <list>', 'the spurious attribute, such as 0,1', 0))
      .addOption(integers('--train-counts <list>', 'images of each group, garment by garment', 1))
      .addOption(integers('--val-counts <list>', 'the same for validation', 1))
      .addOption(integers('--test-counts <list>', 'the same for test', 1))
      .addOption(valueOption('--size <px>', 'height in pixels; the width is half of it', integer(16, 512)))
      .addOption(seedOption())
      .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files'),
  );
  addJob<DominoesCommandOptions>(
    dominoes,
    async (options, output, control) => {
      const [{ buildDominoes, DEFAULT_DOMINOES }, { datasetTables, summarizeDataset }] = await Promise.all([
        import('../../data/dominoes.js'),
        import('../tables.js'),
      ]);
      const counts = (split: Split, given: readonly number[] | undefined): number[] => [
        ...(given ?? DEFAULT_DOMINOES.counts[split]),
      ];
      const built = await buildDominoes(
        options.data,
        {
          // Checked against the known garments by buildDominoes.
          garments: [...(options.garments ?? DEFAULT_DOMINOES.garments)] as typeof DEFAULT_DOMINOES.garments,
          digits: [...(options.digits ?? DEFAULT_DOMINOES.digits)],
          counts: {
            train: counts('train', options.trainCounts),
            val: counts('val', options.valCounts),
            test: counts('test', options.testCounts),
          },
          size: options.size ?? DEFAULT_DOMINOES.size,
          seed: options.seed,
          ...(options.fashionMnist === undefined ? {} : { fashionMnist: options.fashionMnist }),
        },
        control,
      );
      output.result(datasetTables(built, output.color), summarizeDataset(built));
    },
    COUNT_NAMES,
  );
  addComposeCommand(dataset);
  addGroupsCommand(dataset);
  const inspect = addCommonOptions(
    addDatasetOptions(
      dataset
        .command('inspect')
        .description('check a dataset and count its groups')
        .requiredOption('--data <folder>', 'dataset folder'),
    ),
  );
  addJob<InspectOptions>(inspect, async (options, output, control) => {
    const [{ emptyGroups, loadDataset }, { buildImageStore }, tables] = await Promise.all([
      import('../../data/dataset.js'),
      import('../../data/imageStore.js'),
      import('../tables.js'),
    ]);
    const found = await loadDataset(options.data, datasetOptionsOf(options));
    // Decoding every image is the check that each one is there and whole.
    await buildImageStore(found, control);
    warnOfEmptyGroups(emptyGroups(found), control);
    output.result(tables.datasetTables(found, output.color), tables.summarizeDataset(found));
  });
}

function addGroupsCommand(dataset: Command): void {
  const groups = dataset
    .command('groups')
    .description(
      'groups where no spurious attribute is known: each class, by whether a run predicts it right',
    )
    .requiredOption('--run <run>', 'run folder of an identification model, such as ERM of few epochs')
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)')
    .option('--out <file>', 'table to write, in the dataset folder (default: groups/<run>.csv)');
  addJob<GroupsCommandOptions>(
    addEngineOptions(groups),
    async (options, output, control) => {
      const [{ predictGroups }, { datasetTables, summarizeDataset }] = await Promise.all([
        import('../../experiments/predictedGroups.js'),
        import('../tables.js'),
      ]);
      const { run, data, out } = options;
      const { dataset, table, columns } = await predictGroups({
        run,
        data,
        table: out,
        ...engineOptions(options),
        ...control,
      });
      output.result(
        [
          datasetTables(dataset, output.color),
          `Table: ${join(dataset.folder, table)}`,
          `Read it with --data ${dataset.folder} --table ${table} --columns ${columns}`,
        ].join('\n'),
        { table: join(dataset.folder, table), columns, dataset: summarizeDataset(dataset) },
      );
    },
    { table: '--out' },
  );
}
