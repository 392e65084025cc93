import type { Command } from 'commander';
import { columnsAsText } from '../data/layouts/tables.js';
import { SpurmemError } from '../errors.js';
import { engineOptions } from '../native/engine.js';
import { dependsOnProtocol } from '../settings/setting.js';
import { choiceOf } from '../train/augmentation.js';
import { methodNamed } from '../train/methods.js';
import { requireFormatVersion, runFileSchema } from '../train/runConfig.js';
import * as z from '../zod.js';
import { optionWord } from './settings.js';
import { commandName } from './usage.js';

/** The keys of a run's config.json that a file of options lacks. */
export const runSchema = z.object({
  formatVersion: z.unknown(),
  config: z.looseObject({ command: z.string() }),
  environment: z.looseObject({ data: z.string() }),
});

/** Values of options by their names. */
export type OptionValues = Readonly<Record<string, unknown>>;

/** The settings that a run records in another form than their options take. */
const AS_OPTION: Readonly<Record<string, (value: unknown, run: z.infer<typeof runFileSchema>) => unknown>> = {
  weights: (_value, { environment }) => environment.weightsPath ?? undefined,
  arch: (value, { environment }) => environment.archPath ?? value,
  augmentation: (value) =>
    value === undefined ? 'dataset' : choiceOf(value as Parameters<typeof choiceOf>[0]),
  kickInEpoch: (value) => value ?? 'selected',
};

/**
 * Returns a run's configuration as option values, so that the same command with `--config` repeats the run: settings
 * by their own names, data and weights from its environment. The run's folder is left out.
 *
 * @throws `USAGE` for another command, and for a configuration that no options express
 */
export function valuesOfRun(file: z.infer<typeof runSchema>, command: Command): OptionValues {
  const name = commandName(command);
  if (name !== file.config.command) {
    throw new SpurmemError('USAGE', `it is of ${file.config.command}, and the command is ${name}.`);
  }
  requireFormatVersion('it', file);
  const parsed = runFileSchema.safeParse(file);
  if (!parsed.success) {
    const problem = `it is no run's configuration: ${z.prettifyError(parsed.error)}`;
    throw new SpurmemError('USAGE', problem, { cause: parsed.error });
  }
  const { config, environment } = parsed.data;
  const { startsFrom, settings } = methodNamed(name.replace('train ', ''));
  const values: Record<string, unknown> = { seed: config.seed };
  if (dependsOnProtocol(settings)) values.protocol = config.protocol;
  for (const [setting, entry] of Object.entries(settings)) {
    const value = (config as OptionValues)[setting];
    const word = optionWord(setting, entry);
    if (word === undefined) requireDefault(setting, value, entry[config.protocol]);
    else values[word] = setting in AS_OPTION ? AS_OPTION[setting]?.(value, parsed.data) : value;
  }
  const { data, dataOptions, from } = environment;
  const columns = 'columns' in dataOptions ? dataOptions.columns : undefined;
  return {
    ...values,
    ...dataOptions,
    // In the flag's syntax.
    ...(columns === undefined ? {} : { columns: columnsAsText(columns) }),
    ...(config.processes === undefined ? {} : { syncBatchNorm: config.processes.syncBatchNorm }),
    data,
    ...engineOptions(environment),
    ...(startsFrom === 'run' ? { from } : {}),
  };
}

function requireDefault(name: string, value: unknown, byDefault: unknown): void {
  if (JSON.stringify(value) === JSON.stringify(byDefault)) return;
  throw new SpurmemError(
    'USAGE',
    `${name} is ${JSON.stringify(value)}, which no option sets: repeat the run with the library.`,
  );
}
