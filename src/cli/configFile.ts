import { Command, InvalidArgumentError, type Option } from 'commander';
import { parse } from 'yaml';
import { withoutChecksum } from '../checksum.js';
import { messageOf, SpurmemError } from '../errors.js';
import { readText } from '../files.js';
import { requirePlain } from '../plainData.js';
import { nearestSentence } from '../settings/names.js';
import { accepts, metaOf } from '../settings/values.js';
import * as z from '../zod.js';
import { type OptionValues, runSchema, valuesOfRun } from './repeat.js';
import { TypedOption } from './settings.js';
import { commandName, namedCommand } from './usage.js';

/**
 * Applies the values of a `--config` file to a command; flags take precedence. The file is YAML or JSON with the options' names as
 * keys, or a run's own config.json. `dataset inspect` leaves training's options aside, so that one file serves both.
 *
 * @param args the arguments behind the command's name
 * @throws `USAGE` naming the file, and the key or value that is wrong
 */
export async function applyConfig(command: Command, args: readonly string[]): Promise<void> {
  const path = valueOf('--config', args);
  if (path === undefined || !command.options.some(({ long }) => long === '--config')) return;
  const content = await read(path);
  const run = runSchema.safeParse(content);
  let values = content;
  try {
    if (run.success) values = valuesOfRun(run.data, command);
  } catch (error) {
    if (!(error instanceof SpurmemError)) throw error;
    throw new SpurmemError(error.code, `${path}: ${error.message}`, { cause: error });
  }
  const others = commandName(command) === 'dataset inspect' ? await trainingCommand() : undefined;
  for (const [key, value] of Object.entries(values)) {
    const option = optionNamed(command, key, value);
    if (!option) {
      if (others && optionNamed(others, key, value)) continue;
      const names = command.options.map((known) => known.attributeName()).filter((name) => name !== 'config');
      const problem = `${commandName(command)} has no option ${JSON.stringify(key)}.`;
      throw new SpurmemError('USAGE', `${path}: ${problem} ${nearestSentence(key, names)}`);
    }
    // Flags win; values of a file are not appended to a flag's list.
    if (value === undefined || isNamed(option, args)) continue;
    // `no-weights: true` means `weights: false`.
    const isNegated = option.negate && key === option.name() && typeof value === 'boolean';
    const taken = valueFor(option, isNegated ? !value : value, path);
    if (taken !== undefined) command.setOptionValueWithSource(option.attributeName(), taken, 'config');
  }
}

/** Returns `train erm`. */
async function trainingCommand(): Promise<Command> {
  const { addCommand } = await import('./commands/train.js');
  const program = new Command('train');
  addCommand(program);
  return namedCommand(program, ['erm']).command;
}

async function read(path: string): Promise<OptionValues> {
  try {
    const text = withoutChecksum(await readText(path));
    return z.record(z.string(), z.unknown()).parse(requirePlain(parse(text)));
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'it holds no names with values' : messageOf(error);
    throw new SpurmemError('USAGE', `--config ${path}: ${reason}`, { cause: error });
  }
}

/**
 * Returns the option of a key: a flag's word (`batch-size`) or its name in configurations (`batchSize`). Of `--images <folder>` and
 * `--no-images`, the second takes true and false.
 */
function optionNamed(command: Command, key: string, value: unknown): Option | undefined {
  const found = command.options.filter(
    (option) => option.long !== '--config' && (option.attributeName() === key || option.name() === key),
  );
  const isSwitch = typeof value === 'boolean';
  return found.find(({ negate }) => negate === isSwitch) ?? found[0];
}

function isNamed({ long }: Option, args: readonly string[]): boolean {
  return args.some((arg) => arg === long || arg.startsWith(`${long ?? ''}=`));
}

function valueOf(flag: string, args: readonly string[]): string | undefined {
  // As for other flags, the last one counts.
  const at = args.findLastIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
  return args[at]?.startsWith(`${flag}=`) === true
    ? args[at].slice(flag.length + 1)
    : args[at + 1 || args.length];
}

/** Returns an option's value from a file's: of the option's type, or text to parse like a flag's. */
function valueFor(option: Option, value: unknown, path: string): unknown {
  const refuse = (expected: string): SpurmemError =>
    new SpurmemError(
      'USAGE',
      `${path}: ${option.attributeName()} is ${JSON.stringify(value)}: it takes ${expected}.`,
    );
  if (option instanceof TypedOption && accepts(option.type, value)) return value;
  if (value === null) return undefined;
  if (!option.required) {
    if (typeof value === 'boolean' || (option.optional && typeof value === 'string')) return value;
    throw refuse(option.optional ? 'true, false, or what stands behind its flag' : 'true or false');
  }
  const texts = (Array.isArray(value) ? value : [value]).map((item: unknown) => {
    if (typeof item === 'string' || typeof item === 'number') return String(item);
    throw refuse(
      option instanceof TypedOption ? metaOf(option.type).expected : 'what stands behind its flag',
    );
  });
  try {
    if (option.variadic) return texts.reduce<unknown>((all, text) => parsed(option, text, all), undefined);
    return parsed(option, texts.join(','), undefined);
  } catch (error) {
    if (error instanceof InvalidArgumentError)
      throw refuse(error.message.replace(/^It takes |\.$/g, '').replace(/^Allowed choices are /, 'one of '));
    throw error;
  }
}

function parsed(option: Option, text: string, before: unknown): unknown {
  if (option.parseArg) return option.parseArg(text, before);
  if (!option.variadic) return text;
  return [...((before as readonly string[] | undefined) ?? []), text];
}
