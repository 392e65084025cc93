import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseColumns, type Columns } from '../data/columns.js';
import type { DatasetOptions } from '../data/dataset.js';
import { SpurmemError } from '../errors.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';
import { ARCHITECTURES } from '../models/architectures.js';
import { MEMORY_FORMATS, PRECISIONS, type MemoryFormat } from '../native/addon.js';
import { PROTOCOLS, type Protocol } from '../protocol.js';

/** Options that every command takes. */
export interface CommonOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** Options of commands that compute. */
export interface ComputeOptions extends CommonOptions {
  readonly seed: number;
  readonly device: string;
  readonly threads: number;
  readonly memoryFormat?: MemoryFormat;
}

export function addCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON document on stdout, everything else on stderr', false)
    .option('--quiet', 'print results and errors only', false)
    .option('--debug', 'print stack traces of errors', false);
}

export function addComputeOptions(command: Command): Command {
  return addEngineOptions(command).addOption(seedOption());
}

/** What computing takes but for the seed. */
export function addEngineOptions(command: Command): Command {
  return addCommonOptions(command)
    .addOption(deviceOption())
    .addOption(threadsOption())
    .addOption(
      choice(
        '--memory-format <format>',
        'how images and convolutions lie in memory: NHWC or NCHW (default: channels_last)',
        MEMORY_FORMATS,
      ),
    );
}

export function deviceOption(): Option {
  return new Option('--device <device>', 'auto, cpu, cuda or cuda:n').default('auto');
}

export function threadsOption(): Option {
  return integer('--threads <n>', 'threads of the compute lane; 0: all cores', 0).default(0);
}

export function seedOption(): Option {
  return integer('--seed <n>', 'seed of every random draw', 0, 2 ** 32 - 1).default(0);
}

/** Adds how to read the dataset's folder, for commands that take --data. */
export function addDatasetOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <layout>', 'layout of the dataset').choices([
        'auto',
        'waterbirds',
        'celeba',
        'csv',
      ]),
    )
    .option('--target <attribute>', 'CelebA: the class (default: Blond_Hair)')
    .option('--spurious <attribute>', 'CelebA: the spurious attribute (default: Male)')
    .option('--table <file>', 'CSV: the table in the folder (default: metadata.csv, or the only one)')
    .addOption(
      new Option(
        '--columns <mapping>',
        'CSV: its columns, such as filename=path,y=label,split=fold,a=background',
      ).argParser(columnsArgument),
    )
    .option('--images <folder>', 'where file names start, in the dataset folder');
}

/** The part of a command's options that `loadDataset` takes. */
export function datasetOptionsOf(options: DatasetOptions): DatasetOptions {
  const { format, target, spurious, table, columns, images } = options;
  return { format, target, spurious, table, columns, images };
}

/** The same where any of them was given; a command that opens a run else takes what the run was trained with. */
export function chosenDatasetOptions(options: DatasetOptions): DatasetOptions | undefined {
  const given = datasetOptionsOf(options);
  return Object.values(given).some((value) => value !== undefined) ? given : undefined;
}

/** Commander reports only its own errors as wrong usage. */
function columnsArgument(text: string): Columns {
  try {
    return parseColumns(text);
  } catch (error) {
    if (error instanceof SpurmemError) throw new InvalidArgumentError(error.message);
    throw error;
  }
}

export function archOption(): Option {
  return new Option('--arch <name>', 'architecture').choices(ARCHITECTURES);
}

export function protocolOption(): Option {
  return choice(
    '--protocol <protocol>',
    'whose settings are the defaults: the article\u2019s, or its published code\u2019s',
    PROTOCOLS,
  ).default('article');
}

export function precisionOption(byDefault: string): Option {
  return choice(
    '--precision <precision>',
    `what the model computes in: float32, or bfloat16 by autocast (default: ${byDefault})`,
    PRECISIONS,
  );
}

/** What an option's description says of its defaults. */
export function defaultsOf(values: Readonly<Record<Protocol, string | number>>): string {
  const { article, released } = values;
  return article === released ? `(default: ${article})` : `(default: ${article}; released: ${released})`;
}

export function criterionOption(): Option {
  return new Option('--criterion <name...>', 'how neurons are scored')
    .choices(CRITERION_NAMES)
    .default([...CRITERION_NAMES]);
}

/** An option that takes a whole number of at least `least`. */
export function integer(flags: string, description: string, least: number, most?: number): Option {
  return new Option(flags, description).argParser((text) => parseInteger(text, least, most));
}

/** An option that takes a positive number. */
export function positive(flags: string, description: string): Option {
  return new Option(flags, description).argParser(parsePositive);
}

/** An option that takes a number of at least 0. */
export function nonNegative(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
    throw new InvalidArgumentError('It takes a number of at least 0.');
  });
}

/** An option that takes a number above 0 and below 1. */
export function share(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const value = parsePositive(text);
    if (value < 1) return value;
    throw new InvalidArgumentError('It takes a number above 0 and below 1.');
  });
}

/** An option that takes yes or no, for what a protocol decides where it is left out. */
export function toggle(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    if (text === 'yes' || text === 'no') return text === 'yes';
    throw new InvalidArgumentError('It takes yes or no.');
  });
}

/** An option that takes numbers above 0, separated by commas. */
export function numbers(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => text.split(',').map(parsePositive));
}

/** An option that takes one of some words. */
export function choice(flags: string, description: string, words: readonly string[]): Option {
  return new Option(flags, description).choices(words);
}

/** An option that takes whole numbers separated by commas, such as `1,2,3`. */
export function integers(flags: string, description: string, least: number): Option {
  return new Option(flags, description).argParser((text) =>
    text.split(',').map((part) => parseInteger(part, least)),
  );
}

/** An option that takes a size in pixels: a side of a square such as `224`, or height and width such as `64x32`. */
export function imageSize(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text): [number, number] => {
    const [, height = '', width = height] = /^(\d{1,4})(?:x(\d{1,4}))?$/.exec(text.trim()) ?? [];
    if (Number(height) > 0 && Number(width) > 0) return [Number(height), Number(width)];
    throw new InvalidArgumentError('It takes pixels: a side such as 224, or height and width such as 64x32.');
  });
}

/** An option that takes words separated by commas. */
export function words(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => text.split(',').map((part) => part.trim()));
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('It takes a number above 0.');
  }
  return value;
}

function parseInteger(text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^\s*\d+\s*$/.test(text) || value < least || value > most) {
    throw new InvalidArgumentError(
      most === Number.MAX_SAFE_INTEGER
        ? `It takes whole numbers of at least ${least}.`
        : `It takes a whole number from ${least} to ${most}.`,
    );
  }
  return value;
}
