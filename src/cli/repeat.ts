import type { Command } from 'commander';
import { SpurmemError } from '../errors.js';
import { engineOptions } from '../native/engine.js';
import { requireFormatVersion } from '../train/formatVersion.js';
import type { RunFile } from './configFile.js';
import { optionWord } from './settings.js';
import { commandName } from './usage.js';

/**
 * A run's configuration as values of its command's options, so that the same command with `--config` repeats the run: settings
 * by their own names, data and weights from its environment. What tells a run from another one of the same settings, its folder,
 * is not among them.
 *
 * @throws `USAGE` for another command, and where the run has what no option can say
 */
export async function valuesOfRun(
  file: RunFile,
  command: Command,
): Promise<Readonly<Record<string, unknown>>> {
  const [{ methodNamed }, { runFileSchema }, { choiceOf }] = await Promise.all([
    import('../train/methods.js'),
    import('../train/runConfig.js'),
    import('../train/augmentation.js'),
  ]);
  const name = commandName(command);
  if (name !== file.config.command) {
    throw new SpurmemError('USAGE', `it is of ${file.config.command}, and the command is ${name}.`);
  }
  requireFormatVersion('it', file);
  const { config, environment } = runFileSchema.parse(file);
  const { startsFrom, settings } = methodNamed(name.replace('train ', ''));
  const values: Record<string, unknown> = { protocol: config.protocol, seed: config.seed };
  for (const [setting, entry] of Object.entries(settings)) {
    const value = (config as Readonly<Record<string, unknown>>)[setting];
    const word = optionWord(setting, entry);
    if (word === undefined) {
      requireDefault(setting, value, entry[config.protocol]);
    } else if (setting === 'weights') {
      values[word] = environment.weightsPath ?? undefined;
    } else if (entry.type.form === 'augmentation') {
      values[word] = value === undefined ? 'dataset' : choiceOf(value as Parameters<typeof choiceOf>[0]);
    } else if (setting === 'kickInEpoch') {
      values[word] = value ?? 'selected';
    } else {
      values[word] = value;
    }
  }
  const { data, dataOptions, from } = environment;
  const known = command.options.map((option) => option.attributeName());
  const all = {
    ...values,
    ...dataOptions,
    data,
    ...engineOptions(environment),
    ...(startsFrom === 'run' ? { from } : {}),
  };
  return Object.fromEntries(
    Object.entries(all).filter(([key]) => key !== 'protocol' || known.includes('protocol')),
  );
}

function requireDefault(name: string, value: unknown, byDefault: unknown): void {
  if (JSON.stringify(value) === JSON.stringify(byDefault)) return;
  throw new SpurmemError(
    'USAGE',
    `${name} is ${JSON.stringify(value)}, which no option sets: repeat the run with the library.`,
  );
}
