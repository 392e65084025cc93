import { join, parse, resolve } from 'node:path';
import type { Command } from 'commander';
import { type DatasetOptions, loadDataset } from '../../data/dataset.js';
import { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions } from '../../data/dominoes.js';
import { openImageStore } from '../../data/imageStore.js';
import type { ImportOptions } from '../../data/import/importDataset.js';
import { defined } from '../../settings/setting.js';
import { integer } from '../../settings/values.js';
import { addJob } from '../job.js';
import {
  addCommonOptions,
  addCountOptions,
  addDatasetOptions,
  builderOptionsOf,
  type CommonOptions,
  COUNT_NAMES,
  type CountOptions,
  datasetOptionsOf,
  integers,
  pick,
  seedOption,
  words,
} from '../options.js';
import { PROPERTIES_HELP, propertyFindings } from '../properties.js';
import { TypedOption } from '../settings.js';
import { printDataset } from '../tables.js';
import { addComposeCommand } from './compose.js';

type DominoesCommandOptions = CommonOptions &
  CountOptions &
  Partial<Omit<DominoesOptions, 'counts'>> & { readonly data: string };

export function addCommand(dataset: Command): void {
  const dominoes = dataset
    .command('dominoes')
    .description('a digit above a garment: a benchmark from real images with a spurious correlation')
    .option('--data <folder>', 'folder to build it in', 'data/dominoes')
    .addOption(words('--garments <list>', 'the classes, such as pullover,coat'))
    .addOption(integers('--digits <list>', 'the spurious attribute, such as 0,1', 0));
  addCountOptions(dominoes, 'images of each group, garment by garment', 1)
    .addOption(new TypedOption('--size <px>', 'height in pixels; the width is half of it', integer(16, 512)))
    .addOption(seedOption())
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files');
  addJob<DominoesCommandOptions>(
    addCommonOptions(dominoes),
    async (options, output, control) => {
      const { trainCounts, valCounts, testCounts } = options;
      const { train, val, test } = DEFAULT_DOMINOES.counts;
      const counts = { train: trainCounts ?? train, val: valCounts ?? val, test: testCounts ?? test };
      const wanted = { ...DEFAULT_DOMINOES, ...builderOptionsOf(options), counts };
      await printDataset(await buildDominoes(options.data, wanted, control), output, control);
    },
    COUNT_NAMES,
  );
  addComposeCommand(dataset);
  addImportCommand(dataset);
  const inspect = dataset
    .command('inspect')
    .description('check a dataset and count the images of its groups')
    .requiredOption('--data <folder>', 'dataset folder')
    .option('--properties', PROPERTIES_HELP, false);
  addJob<CommonOptions & DatasetOptions & { readonly data: string; readonly properties: boolean }>(
    addCommonOptions(addDatasetOptions(inspect)),
    async (options, output, control) => {
      const found = await loadDataset(options.data, datasetOptionsOf(options));
      // Decoding every image checks that each one is present and whole.
      await openImageStore(found, control);
      const train = found.splits.train;
      const findings = options.properties ? await propertyFindings(found, train, control) : undefined;
      await printDataset(found, output, control, findings);
    },
  );
}

function addImportCommand(dataset: Command): void {
  const command = dataset
    .command('import')
    .description(
      'unpack a data set of parquet files, save_to_disk or WebDataset into a folder of images with a table',
    )
    .argument('<source>', 'a file (.parquet, .arrow, .tar), or a folder of them')
    .option('--data <folder>', 'folder to unpack into (default: data/<source>)')
    .option('--image-column <name>', 'column of the images (default: the one with images)')
    .option('--class-column <name>', 'column of the class (default: by name and type)')
    .option('--attribute-column <name>', 'column of the spurious attribute (default: none)')
    .option('--split-column <name>', 'column of the split (default: it is in the files\u2019 names)');
  addJob<CommonOptions & ImportOptions & { readonly data?: string }>(
    addCommonOptions(command),
    async (options, output, control, [source = '']) => {
      const folder = options.data ?? join('data', parse(resolve(source)).name);
      const { importDataset } = await import('../../data/import/importDataset.js');
      const columns = pick(options, 'imageColumn', 'classColumn', 'attributeColumn', 'splitColumn');
      await printDataset(await importDataset(source, folder, defined(columns), control), output, control);
    },
  );
}
