import { invalidParameter, SpurmemError, withinScope } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { requireKnownNames } from './names.js';
import { checkSettings, checkTypes, type SettingsTable, typesOf } from './setting.js';
import { abortSignal, callback, metaOf, type ValueType } from './values.js';

/** The type of each option of an interface, whose names the compiler checks. */
export type OptionTypes<Options> = Readonly<Record<keyof Options, ValueType<unknown>>>;

/** The options that a function takes. */
export interface Accepted {
  readonly types: Readonly<Record<string, ValueType<unknown>>>;
  /** Options that are settings. */
  readonly settings?: SettingsTable;
  readonly required?: readonly string[];
}

export const JOB_TYPES: OptionTypes<JobOptions> = {
  onProgress: callback(),
  onInfo: callback(),
  onWarning: callback(),
  signal: abortSignal(),
};

/** Checks the names and values of an exported function's options. Throws `USAGE` naming the parameter and what it takes. */
export function checkOptions(options: unknown, accepted: Accepted): void {
  requireObject(options, 'options');
  requireKnownNames(options, accepted.types, accepted.settings ?? {});
  checkValues(options, accepted);
}

/** Checks the values alone; `options` may hold other names. */
export function checkValues(options: object, { types, settings = {}, required = [] }: Accepted): void {
  const given = options as Readonly<Record<string, unknown>>;
  const all = { ...typesOf(settings), ...types };
  for (const name of required) {
    if (given[name] !== undefined) continue;
    const type = all[name];
    const expected = type && metaOf(type).expected;
    throw new SpurmemError('USAGE', `\`${name}\` is missing: it takes ${expected ?? 'a value'}.`, {
      parameter: name,
      expected,
    });
  }
  checkTypes(types, given);
  checkSettings(settings, given);
}

/** Checks options within an option; errors name them by their paths, such as `erm.lr`. */
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
