import { type Command, InvalidArgumentError, Option } from 'commander';
import { composeDataset } from '../../data/compose/compose.js';
import { type ComposeOptions, DEFAULT_COMPOSE } from '../../data/compose/options.js';
import { integer, oneOf, share } from '../../settings/values.js';
import { addJob } from '../job.js';
import {
  addCommonOptions,
  addCountOptions,
  builderOptionsOf,
  type CommonOptions,
  COUNT_NAMES,
  type CountOptions,
  seedOption,
} from '../options.js';
import { TypedOption } from '../settings.js';
import { printDataset } from '../tables.js';

type Named = NonNullable<ComposeOptions['classes']>[number];

interface ComposeCommandOptions
  extends CommonOptions, CountOptions, Omit<ComposeOptions, 'counts' | 'foregroundSize'> {
  readonly data: string;
  readonly foregroundSize?: number | 'in-place';
}

export function addComposeCommand(dataset: Command): void {
  const command = dataset
    .command('compose')
    .description(
      'cut-outs on scenes: a benchmark with a spurious correlation from images, masks and backgrounds',
    )
    .requiredOption('--data <folder>', 'folder to build it in')
    .addOption(
      new TypedOption(
        '--preset <name>',
        'waterbirds: as its authors made it, from CUB-200-2011 (--foregrounds), its segmentations (--masks) and Places (--scenes)',
        oneOf(['waterbirds']),
      ),
    )
    .option(
      '--substring-species',
      'preset: take species for water birds as the published generator does, which finds "tern" in Eastern_Towhee',
      false,
    )
    .requiredOption('--foregrounds <folder>', 'folder of the foreground images')
    .option(
      '--masks <folder>',
      'their masks, by the same paths (default: the table’s, or the images’ own alpha)',
    )
    .option('--table <csv>', 'a table of the foregrounds (default: all images, whose folders name the class)')
    .option(
      '--image-column <name>',
      'column of the image, relative to --foregrounds',
      DEFAULT_COMPOSE.imageColumn,
    )
    .option('--mask-column <name>', 'column of the mask, relative to --foregrounds')
    .option('--class-column <name>', 'column of the class', DEFAULT_COMPOSE.classColumn)
    .option('--split-column <name>', 'column of the split (default: foregrounds are shared out by --shares)')
    .addOption(
      namedOption(
        '--classes <name=values...>',
        'the classes: a name, and the values of --class-column or the folders that belong to it, as land=0 water=1',
      ),
    )
    .requiredOption('--scenes <folder>', 'folder of the scenes')
    .addOption(
      namedOption(
        '--places <name=folders...>',
        'the places: a name, and the folders below --scenes that show it, as land=forest,mountain water=sea',
      ),
    );
  addCountOptions(command, 'images of each group, class by class (default: by --agreement)', 0)
    .addOption(
      new TypedOption(
        '--agreement <share>',
        'share of a class’s training images on the place of the same number',
        share('a share', { whole: true }),
      ).default(DEFAULT_COMPOSE.agreement),
    )
    .addOption(
      new Option(
        '--shares <list>',
        'shares of the foregrounds for training, validation, test (default: 0.6,0.1,0.3)',
      ).argParser((text) => text.split(',').map(Number)),
    )
    .option('--paired', 'in validation and test, each foreground lies on every place', false)
    .addOption(
      new Option(
        '--foreground-size <share>',
        `the cut-out’s longer side as a share of the image’s, or in-place: as in its photograph (default: ${DEFAULT_COMPOSE.foregroundSize})`,
      ).argParser((text) => (text === 'in-place' ? text : Number(text))),
    )
    .addOption(
      new Option('--position <where>', 'where cut-outs go')
        .choices(['center', 'random'])
        .default(DEFAULT_COMPOSE.position),
    )
    .addOption(
      new TypedOption('--size <px>', 'side of the images in pixels', integer(16, 1024)).default(
        DEFAULT_COMPOSE.size,
      ),
    )
    .addOption(
      new TypedOption(
        '--jpeg-quality <n>',
        `of the images (default: ${DEFAULT_COMPOSE.jpegQuality})`,
        integer(1, 100),
      ),
    )
    .option('--skip-bad-masks', 'leave out foregrounds whose masks cut nothing out, and name them', false)
    .addOption(seedOption());
  addJob<ComposeCommandOptions>(
    addCommonOptions(command),
    async (options, output, control) => {
      const built = await composeDataset(options.data, composeOptionsOf(options), control);
      printDataset(built, output, control);
    },
    COUNT_NAMES,
  );
}

/** The options that were given; the library has the defaults. */
function composeOptionsOf(options: ComposeCommandOptions): ComposeOptions {
  const { foregroundSize, ...same } = builderOptionsOf(options);
  const { trainCounts: train, valCounts: val, testCounts: test } = options;
  const isGiven = [train, val, test].some((list) => list !== undefined);
  return {
    ...same,
    // One list without the others is refused as a list that is too short.
    ...(isGiven ? { counts: { train: train ?? [], val: val ?? [], test: test ?? [] } } : {}),
    ...(foregroundSize === undefined
      ? {}
      : { foregroundSize: foregroundSize === 'in-place' ? null : foregroundSize }),
  };
}

/** An option of names with what belongs to each. */
function namedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, earlier: Named[] | undefined): Named[] => {
    const [, name = '', values = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === '')
      throw new InvalidArgumentError('It takes a name and what belongs to it: land=forest,mountain.');
    return [...(earlier ?? []), { name: name.trim(), of: values.split(',').map((value) => value.trim()) }];
  });
}
