import { type Command, InvalidArgumentError, Option } from 'commander';
import { DATASET_OPTIONS, type DatasetOptions } from '../data/datasetOptions.js';
import { mapParameters, SpurmemError } from '../errors.js';
import { ENGINE_SETTINGS, type EngineOptions, engineOptions } from '../native/engine.js';
import { PROTOCOLS } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import { integer, listOf, text } from '../settings/values.js';
import { addSettings, kebabCase, settingOption, TypedOption } from './settings.js';

/** Options that every command takes. */
export interface CommonOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** Read before the command line is parsed (`applyConfig`). */
  readonly config?: string;
}

/** Options of commands that run the engine. */
export interface ComputingOptions extends CommonOptions, EngineOptions {}

/** Options of commands that compute from a seed. */
export interface ComputeOptions extends ComputingOptions {
  readonly seed: number;
}

/** Options of commands that open a run. */
export interface RunOptions extends DatasetOptions {
  readonly run: string;
  readonly data?: string;
}

/** The number of images of each group in each split. */
export interface CountOptions {
  readonly trainCounts?: number[];
  readonly valCounts?: number[];
  readonly testCounts?: number[];
}

export function addCommonOptions(command: Command): Command {
  return command
    .optionsGroup('Output and help:')
    .option(
      '--config <file>',
      'values of these options from a YAML or JSON file, or from a run\u2019s config.json; flags win',
    )
    .option('--json', 'print one JSON document on stdout, everything else on stderr', false)
    .option('--quiet', 'print results and errors only', false)
    .option('--debug', 'print stack traces of errors', false)
    .helpOption('-h, --help', 'print this help')
    .optionsGroup('');
}

export function addComputeOptions(command: Command): Command {
  return addEngineOptions(command).addOption(seedOption().helpGroup('Computing:'));
}

/** Adds the computing options except for the seed. */
export function addEngineOptions(command: Command): Command {
  return addSettings(addCommonOptions(command), ENGINE_SETTINGS, '', 'Computing:');
}

/** Returns an option of the engine, for commands that take few of them. */
export function engineOption(name: keyof EngineOptions): Option {
  return settingOption(kebabCase(name), ENGINE_SETTINGS[name]);
}

export function seedOption(): Option {
  return new TypedOption('--seed <n>', 'seed of every random draw', integer(...RANGES.seed)).default(0);
}

/** Returns some of a command's options. */
export function pick<Options, Name extends keyof Options>(options: Options, ...names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, options[name]])) as Pick<Options, Name>;
}

/** Adds the options of the run and of a dataset to use instead of its own. */
export function addRunOptions(command: Command, help = 'run folder of a trained model'): Command {
  return command
    .requiredOption('--run <run>', help)
    .option('--data <folder>', 'dataset folder (default: the one the run was trained on)');
}

/** Adds the options for reading the dataset's folder, for commands that take --data. */
export function addDatasetOptions(command: Command): Command {
  for (const { name } of DATASET_OPTIONS) addDatasetOption(command, name);
  return command;
}

/** Adds one option for reading the dataset's folder. */
export function addDatasetOption(command: Command, wanted: keyof DatasetOptions): Command {
  for (const { name, help, placeholder, words, parse } of DATASET_OPTIONS) {
    if (name !== wanted) continue;
    const value = placeholder === '' ? '' : ` <${placeholder}>`;
    const option = new Option(`--${kebabCase(name)}${value}`, help).helpGroup('Reading the data:');
    if (words !== undefined) option.choices(words);
    if (parse !== undefined) option.argParser((text) => parsed(text, parse));
    command.addOption(option);
  }
  return command;
}

/** Returns the part of a command's options that `loadDataset` takes. */
export function datasetOptionsOf(options: DatasetOptions): DatasetOptions {
  return Object.fromEntries(DATASET_OPTIONS.map(({ name }) => [name, options[name]]));
}

/** Returns the options that jobs share. Without dataset options, a job that opens a run reads the data as the run did. */
export function sharedOptionsOf(options: EngineOptions & DatasetOptions) {
  const given = datasetOptionsOf(options);
  const isGiven = Object.values(given).some((value) => value !== undefined);
  return { ...engineOptions(options), datasetOptions: isGiven ? given : undefined };
}

/** Commander reports only its own errors as wrong usage. */
function parsed<Value>(text: string, parse: (text: string) => Value): Value {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof SpurmemError)
      throw new InvalidArgumentError(mapParameters(error.message, (name) => `--${kebabCase(name)}`));
    throw error;
  }
}

export function protocolOption(): Option {
  return new Option(
    '--protocol <protocol>',
    'whose settings are the defaults: the article\u2019s, or its published code\u2019s',
  )
    .choices(PROTOCOLS)
    .default('article');
}

export function tensorboardOption(): Option {
  return new Option(
    '--tensorboard [folder]',
    'write event files for TensorBoard: in a folder for all runs (default: tensorboard in the run folder)',
  );
}

/** Returns an option that takes whole numbers separated by commas, such as `1,2,3`. */
export function integers(flags: string, description: string, least: number): Option {
  return new TypedOption(flags, description, listOf(integer(least)));
}

export function addCountOptions(command: Command, help: string, least: number): Command {
  return command
    .addOption(integers('--train-counts <list>', help, least))
    .addOption(integers('--val-counts <list>', 'the same for validation', least))
    .addOption(integers('--test-counts <list>', 'the same for test', least));
}

/** The options of `addCountOptions` by their parameters. */
export const COUNT_NAMES = {
  counts: '--train-counts, --val-counts and --test-counts',
  'counts.train': '--train-counts',
  'counts.val': '--val-counts',
  'counts.test': '--test-counts',
} as const;

/** Returns the options for building a dataset, without the folder and the options of every command. */
export function builderOptionsOf<Options extends CommonOptions & CountOptions & { readonly data: string }>({
  data: _data,
  json: _json,
  quiet: _quiet,
  debug: _debug,
  config: _config,
  trainCounts: _train,
  valCounts: _val,
  testCounts: _test,
  ...own
}: Options) {
  return own;
}

/** Returns an option that takes words separated by commas. */
export function words(flags: string, description: string): Option {
  return new TypedOption(flags, description, listOf(text('words')));
}
