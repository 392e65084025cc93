import { type Command, InvalidArgumentError, Option } from 'commander';
import { composeDataset } from '../../data/compose/compose.js';
import { type ComposeOptions, DEFAULT_COMPOSE } from '../../data/compose/options.js';
import { integer, oneOf, share } from '../../settings/values.js';
import { addJob } from '../job.js';
import { ownOptions, SEED } from '../options.js';
import { TypedOption } from '../settings.js';
import { printDataset } from '../tables.js';

type Named = NonNullable<ComposeOptions['classes']>[number];

const OPTIONS = ownOptions<ComposeOptions & { readonly data: string }>((command) =>
  command
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
      'preset: match water birds by substring as the published generator does, which finds "tern" in Eastern_Towhee',
      false,
    )
    .requiredOption('--foregrounds <folder>', 'folder of the foreground images')
    .option('--masks <folder>', 'preset: folder of the masks')
    .option('--table <csv>', 'a table of the foregrounds, whose column image names files of --foregrounds')
    .option(
      '--mask-column <name>',
      'column of the mask, relative to --foregrounds',
      DEFAULT_COMPOSE.maskColumn,
    )
    .option('--class-column <name>', 'column of the class', DEFAULT_COMPOSE.classColumn)
    .addOption(
      namedOption(
        '--classes <name=values...>',
        'the classes: a name, and the values of --class-column that belong to it, as land=0 water=1',
      ),
    )
    .requiredOption('--scenes <folder>', 'folder of the scenes')
    .addOption(
      namedOption(
        '--places <name=folders...>',
        'the places: a name, and the folders below --scenes that show it, as land=forest,mountain water=sea',
      ),
    )
    .addOption(
      new TypedOption(
        '--agreement <share>',
        'share of a class’s training images on the place of the same number',
        share('a share', { whole: true }),
      ).default(DEFAULT_COMPOSE.agreement),
    )
    .option('--paired', 'in validation and test, each foreground lies on every place', false)
    .addOption(
      new Option(
        '--foreground-size <share>',
        `the cut-out’s longer side as a share of the image’s (default: ${DEFAULT_COMPOSE.foregroundSize}; preset: as in its photograph)`,
      ).argParser(Number),
    )
    .addOption(
      new TypedOption('--size <px>', 'side of the images in pixels', integer(16, 1024)).default(
        DEFAULT_COMPOSE.size,
      ),
    )
    .option('--skip-bad-masks', 'leave out foregrounds whose masks cut nothing out, and name them', false),
);

export function addComposeCommand(dataset: Command): void {
  const command = dataset
    .command('compose')
    .description(
      'cut-outs on scenes: a benchmark with a spurious correlation from images, masks and backgrounds',
    );
  addJob(command, [OPTIONS, SEED], async ({ data, ...given }, output, control) => {
    await printDataset(await composeDataset(data, given, control), output, control);
  });
}

/** Returns an option that maps names to values. */
function namedOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text: string, earlier: Named[] | undefined): Named[] => {
    const [, name = '', values = ''] = /^([^=]+)=(.+)$/.exec(text) ?? [];
    if (name === '') throw new InvalidArgumentError('It takes a name and its values: land=forest,mountain.');
    return [...(earlier ?? []), { name: name.trim(), of: values.split(',').map((value) => value.trim()) }];
  });
}
