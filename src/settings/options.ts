import { invalidParameter, SpurmemError, withinScope } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { requireKnownNames } from './names.js';
import { checkSettings, requireValue, type SettingsTable } from './setting.js';
import { abortSignal, callback, type ValueType } from './values.js';

/** What each of an interface's options takes, beside its settings; the compiler holds it against the interface. */
export type OptionTypes<Options> = Readonly<Record<keyof Options, ValueType<unknown>>>;

/** What a function takes. */
export interface Accepted {
  readonly types: Readonly<Record<string, ValueType<unknown>>>;
  /** Options that are settings. */
  readonly settings?: SettingsTable;
  /** What must be given. */
  readonly required?: readonly string[];
}

/** What every long job takes. */
export const JOB_TYPES: OptionTypes<JobOptions> = {
  onProgress: callback(),
  onInfo: callback(),
  onWarning: callback(),
  signal: abortSignal(),
};

/**
 * Checks the options of an exported function before it does anything: their names, that what it needs is there, and each value.
 *
 * @throws `USAGE` naming the parameter, its value and what it takes
 */
export function checkOptions(options: unknown, accepted: Accepted): void {
  requireObject(options, 'options');
  requireKnownNames(options, accepted.types, accepted.settings ?? {});
  checkValues(options, accepted);
}

/** The same for options that may hold others besides, as those of an inner function do. */
export function checkValues(options: object, { types, settings = {}, required = [] }: Accepted): void {
  const given = options as Readonly<Record<string, unknown>>;
  for (const name of required) {
    if (given[name] !== undefined) continue;
    const expected = (types[name] ?? settings[name]?.type)?.expected;
    throw new SpurmemError('USAGE', `\`${name}\` is missing: it takes ${expected ?? 'a value'}.`, {
      parameter: name,
      expected,
    });
  }
  for (const [name, type] of Object.entries(types)) {
    if (given[name] !== undefined) requireValue(name, given[name], type);
  }
  checkSettings(settings, given);
}

/** Checks options that are the value of another one: what is wrong is named by its path, such as `erm.lr`. */
export function checkPart(options: object, name: string, accepted: Accepted): void {
  const part = (options as Readonly<Record<string, unknown>>)[name];
  if (part === undefined) return;
  requireObject(part, name);
  try {
    checkOptions(part, accepted);
  } catch (error) {
    throw withinScope(error, name, { ...accepted.types, ...accepted.settings, ...part });
  }
}

function requireObject(value: unknown, name: string): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return;
  throw invalidParameter(name, value, 'an object with options by their names');
}
