import { Command, InvalidArgumentError, Option, type OptionValues } from 'commander';
import { DATASET_OPTIONS, type DatasetOptions } from '../data/datasetOptions.js';
import { mapParameters, SpurmemError } from '../errors.js';
import { ENGINE_SETTINGS, type EngineOptions } from '../native/engine.js';
import { type Protocol, PROTOCOLS } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import { defined, type GivenOf, type SettingsTable } from '../settings/setting.js';
import { integer, listOf, text } from '../settings/values.js';
import type { ParameterNames } from './parameters.js';
import {
  givenSettings,
  kebabCase,
  settingNames,
  settingOption,
  settingOptions,
  TypedOption,
} from './settings.js';

/** Options that belong together, and what the library's functions take for their values. */
export interface OptionSet<Given extends object = object> {
  readonly options: readonly Option[];
  readonly read: (values: OptionValues) => Given;
  /** The options of parameters that have another name. */
  readonly names?: ParameterNames;
}

/** The options that several sets produce together. */
export type GivenBy<Sets extends readonly OptionSet[]> = Sets extends readonly [
  OptionSet<infer Given>,
  ...infer Others extends readonly OptionSet[],
]
  ? Given & GivenBy<Others>
  : object;

/** Options that every command has. */
export interface CommonOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** Adds the options that every command has; `--config` is read before the command line is parsed (`applyConfig`). */
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

/** Returns options whose given values are taken as they are, by commander's names for them. */
export function ownOptions<Given extends object>(add: (command: Command) => Command): OptionSet<Given> {
  const { options } = add(new Command());
  const names = options.map((option) => option.attributeName());
  return { options, read: (values) => defined(pick(values, ...names)) as Given };
}

/** Returns the options of a table's settings, with both protocols' defaults in their help. */
export function settingsSet<Table extends SettingsTable>(
  table: Table,
  group = 'Settings:',
): OptionSet<GivenOf<Table>> {
  return {
    options: settingOptions(table).map(({ word, entry }) => settingOption(word, entry).helpGroup(group)),
    read: (values) => givenSettings(table, values),
    names: settingNames(table),
  };
}

/** Returns options whose values belong to a part of a function's options: `erm.lr`. */
export function under<const Name extends string, Given extends object>(
  part: Name,
  { options, read, names = {} }: OptionSet<Given>,
): OptionSet<Readonly<Record<Name, Given>>> {
  return {
    options,
    read: (values) => ({ [part]: read(values) }) as Record<Name, Given>,
    names: Object.fromEntries(Object.entries(names).map(([name, option]) => [`${part}.${name}`, option])),
  };
}

export const ENGINE: OptionSet<EngineOptions> = settingsSet(ENGINE_SETTINGS, 'Computing:');

export const SEED = ownOptions<{ readonly seed: number }>((command) =>
  command.addOption(
    new TypedOption('--seed <n>', 'seed of every random draw', integer(...RANGES.seed))
      .default(0)
      .helpGroup('Computing:'),
  ),
);

export const PROTOCOL = ownOptions<{ readonly protocol: Protocol }>((command) =>
  command.addOption(
    new Option(
      '--protocol <protocol>',
      'whose settings are the defaults: the article\u2019s, or its published code\u2019s',
    )
      .choices(PROTOCOLS)
      .default('article'),
  ),
);

/** The protocol, for commands whose settings depend on it. */
export function protocolIf(isTaken: boolean): OptionSet<{ readonly protocol?: Protocol }> {
  return isTaken ? PROTOCOL : ownOptions((command) => command);
}

/** The folder of a data set, which a command needs. */
export const DATA = ownOptions<{ readonly data: string }>((command) =>
  command.requiredOption('--data <folder>', 'dataset folder'),
);

/** A run, and a data set to use instead of its own. */
export const RUN = ofRun('run folder of a trained model');

export function ofRun(help: string): OptionSet<{ readonly run: string; readonly data?: string }> {
  return ownOptions((command) =>
    command
      .requiredOption('--run <run>', help)
      .option('--data <folder>', 'dataset folder (default: the one the run was trained on)'),
  );
}

/** How a dataset's folder is read. Without any of them, a job that opens a run reads the data as the run did. */
export const READING: OptionSet<{ readonly datasetOptions: DatasetOptions | undefined }> = {
  options: DATASET_OPTIONS.map(({ name }) => datasetOption(name)),
  read(values) {
    const given = Object.fromEntries(DATASET_OPTIONS.map(({ name }) => [name, values[name] as unknown]));
    const isGiven = Object.values(given).some((value) => value !== undefined);
    return { datasetOptions: isGiven ? given : undefined };
  },
};

/** Returns one option for reading a dataset's folder. */
export function datasetOption(wanted: keyof DatasetOptions): Option {
  const found = DATASET_OPTIONS.find(({ name }) => name === wanted);
  if (!found) throw new Error(`No option of a dataset is called ${wanted}`);
  const { name, help, placeholder, words, parse } = found;
  const value = placeholder === '' ? '' : ` <${placeholder}>`;
  const option = new Option(`--${kebabCase(name)}${value}`, help).helpGroup('Reading the data:');
  if (words !== undefined) option.choices(words);
  if (parse !== undefined) option.argParser((text) => parsed(text, parse));
  return option;
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

/** Returns some of an object's values. */
export function pick<Values, Name extends keyof Values>(values: Values, ...names: readonly Name[]) {
  return Object.fromEntries(names.map((name) => [name, values[name]])) as Pick<Values, Name>;
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

/** Returns an option that takes words separated by commas. */
export function words(flags: string, description: string): Option {
  return new TypedOption(flags, description, listOf(text('words')));
}
