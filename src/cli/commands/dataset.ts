import { join, parse, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadDataset } from '../../data/dataset.js';
import { buildDominoes, DEFAULT_DOMINOES, type DominoesOptions } from '../../data/dominoes.js';
import { openImageStore } from '../../data/imageStore.js';
import type { ImportOptions } from '../../data/import/importDataset.js';
import type { Split } from '../../data/split.js';
import { integer } from '../../settings/values.js';
import { addJob } from '../job.js';
import { DATA, integers, type OptionSet, ownOptions, READING, SEED, words } from '../options.js';
import { PROPERTIES_HELP, propertyFindings } from '../properties.js';
import { TypedOption } from '../settings.js';
import { printDataset } from '../tables.js';
import { addComposeCommand } from './compose.js';

const DOMINOES = ownOptions<Partial<Omit<DominoesOptions, 'counts' | 'seed'>> & { readonly data: string }>(
  (command) =>
    command
      .option('--data <folder>', 'folder to build it in', 'data/dominoes')
      .addOption(words('--garments <list>', 'the classes, such as pullover,coat'))
      .addOption(integers('--digits <list>', 'the spurious attribute, such as 0,1', 0)),
);
const SIZE_AND_SOURCE = ownOptions<Pick<Partial<DominoesOptions>, 'size' | 'fashionMnist'>>((command) =>
  command
    .addOption(new TypedOption('--size <px>', 'height in pixels; the width is half of it', integer(16, 512)))
    .option('--fashion-mnist <folder>', 'folder with Fashion-MNIST\u2019s four .gz files'),
);
/** The number of images of each group in each split. */
const COUNTS: OptionSet<Pick<DominoesOptions, 'counts'>> = {
  options: [
    integers('--train-counts <list>', 'images of each group, garment by garment', 1),
    integers('--val-counts <list>', 'the same for validation', 1),
    integers('--test-counts <list>', 'the same for test', 1),
  ],
  read(values: Readonly<Partial<Record<`${Split}Counts`, number[]>>>) {
    const { train, val, test } = DEFAULT_DOMINOES.counts;
    const { trainCounts = train, valCounts = val, testCounts = test } = values;
    return { counts: { train: trainCounts, val: valCounts, test: testCounts } };
  },
  names: {
    counts: '--train-counts, --val-counts and --test-counts',
    'counts.train': '--train-counts',
    'counts.val': '--val-counts',
    'counts.test': '--test-counts',
  },
};
const PROPERTIES = ownOptions<{ readonly properties: boolean }>((command) =>
  command.option('--properties', PROPERTIES_HELP, false),
);
const IMPORT = ownOptions<ImportOptions>((command) =>
  command
    .option('--image-column <name>', 'column of the images (default: the one with images)')
    .option('--class-column <name>', 'column of the class (default: by name and type)')
    .option('--attribute-column <name>', 'column of the spurious attribute (default: none)')
    .option('--split-column <name>', 'column of the split (default: it is in the files\u2019 names)'),
);
const UNPACKED = ownOptions<{ readonly data?: string }>((command) =>
  command.option('--data <folder>', 'folder to unpack into (default: data/<source>)'),
);

export function addCommand(dataset: Command): void {
  const dominoes = dataset
    .command('dominoes')
    .description('a digit above a garment: a benchmark from real images with a spurious correlation');
  addJob(dominoes, [DOMINOES, COUNTS, SIZE_AND_SOURCE, SEED], async ({ data, ...given }, output, control) => {
    const wanted = { ...DEFAULT_DOMINOES, ...given };
    await printDataset(await buildDominoes(data, wanted, control), output, control);
  });
  addComposeCommand(dataset);
  addImportCommand(dataset);
  const inspect = dataset
    .command('inspect')
    .description('check a dataset and count the images of its groups');
  addJob(
    inspect,
    [DATA, PROPERTIES, READING],
    async ({ data, datasetOptions, properties }, output, control) => {
      const found = await loadDataset(data, datasetOptions);
      // Decoding every image checks that each one is present and whole.
      await openImageStore(found, control);
      const findings = properties ? await propertyFindings(found, found.splits.train, control) : undefined;
      await printDataset(found, output, control, findings);
    },
  );
}

function addImportCommand(dataset: Command): void {
  const command = dataset
    .command('import')
    .description(
      'unpack a data set of parquet files, save_to_disk, WebDataset or CIFAR into a folder of images with a table',
    )
    .argument('<source>', 'a file (.parquet, .arrow, .tar, or a batch of CIFAR), or a folder of them');
  addJob(command, [UNPACKED, IMPORT], async ({ data, ...columns }, output, control, [source = '']) => {
    const folder = data ?? join('data', parse(resolve(source)).name);
    const { importDataset } = await import('../../data/import/importDataset.js');
    await printDataset(await importDataset(source, folder, columns, control), output, control);
  });
}
