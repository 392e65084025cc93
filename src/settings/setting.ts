import { invalidParameter, usageError } from '../errors.js';
import type { Protocol } from '../protocol.js';
import { accepts, metaOf, type ValueType } from './values.js';

/** A default that depends on other settings. */
export interface DependentDefault<Value> {
  readonly words: string;
  readonly of: (others: Readonly<Record<string, unknown>>) => Value;
}

/** undefined: none, as `otherwise` says. */
export type Default<Value> = Value | DependentDefault<Value> | undefined;

/** A setting, from which its checks, defaults, option, help and documentation come. */
export interface Setting<Value> {
  readonly type: ValueType<Value>;
  /** One line. */
  readonly help: string;
  /** The value's name in help, empty for a flag; a setting without it is fixed, and no option. */
  readonly argument?: string;
  readonly article: Default<Value>;
  readonly released: Default<Value>;
  /** Whether a command line must have it. */
  readonly isRequired?: boolean;
  /** What happens without a default, such as `that of the run`. */
  readonly otherwise?: string;
  /** The article's words, and where they stand; or whose choice the default is. */
  readonly source: string;
  /** The published code's departure from it. */
  readonly published?: string;
  /** Whether that departure changes results by itself. */
  readonly isDeparture?: boolean;
}

/** Settings by name, in the order of lists. */
export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** A setting's value. */
export type ValueOf<Entry> = Entry extends Setting<infer Value> ? Value : never;

/** The values of a table's settings. */
export type ValuesOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]>;
};

/** A caller's values; those left out are the protocol's. */
export type GivenOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined;
};

type Declared<Value> = Omit<Setting<Value>, 'article' | 'released'>;

/** A setting with one default for both protocols; without one, its value may be undefined. */
export function setting<Value>(
  declared: Declared<Value> & { readonly default: undefined },
): Setting<Value | undefined>;
export function setting<Value>(
  declared: Declared<Value> & { readonly default: Default<NoInfer<Value>> },
): Setting<Value>;
export function setting<Value>(
  declared: Declared<Value> & { readonly default: Default<Value> },
): Setting<Value> {
  const { default: both, ...rest } = declared;
  return { ...rest, article: both, released: both };
}

/** A setting whose defaults differ. */
export function protocolSetting<Value>(
  declared: Declared<Value> & {
    readonly article: Default<NoInfer<Value>>;
    readonly released: Default<NoInfer<Value>>;
  },
): Setting<Value> {
  return declared;
}

export function typesOf<Table extends SettingsTable>(
  table: Table,
): { readonly [Name in keyof Table]: ValueType<ValueOf<Table[Name]>> } {
  return Object.fromEntries(Object.entries(table).map(([name, { type }]) => [name, type])) as never;
}

/** An object without the entries that are undefined. */
export function defined<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}

/** The given options that are settings of a table. */
export function givenOf<Table extends SettingsTable>(table: Table, options: GivenOf<Table>): GivenOf<Table> {
  const given = options as Readonly<Record<string, unknown>>;
  const names = Object.keys(table).filter((name) => given[name] !== undefined);
  return Object.fromEntries(names.map((name) => [name, given[name]])) as GivenOf<Table>;
}

/**
 * The protocol whose defaults a job takes: the given one, else the article's. A job that opens a run and whose defaults do not
 * depend on it (last-layer retraining, evaluation) records the run's.
 */
export function protocolOf(
  table: SettingsTable,
  given: { readonly protocol?: Protocol | undefined },
  run?: { readonly protocol: Protocol },
): Protocol {
  if (run !== undefined && !dependsOnProtocol(table)) return run.protocol;
  return given.protocol ?? 'article';
}

export function dependsOnProtocol(table: SettingsTable): boolean {
  return Object.values(table).some(({ article, released }) => article !== released);
}

export function without<Table extends SettingsTable, Name extends keyof Table>(
  table: Table,
  ...names: readonly Name[]
): Omit<Table, Name> {
  return Object.fromEntries(
    Object.entries(table).filter(([name]) => !names.includes(name as Name)),
  ) as unknown as Omit<Table, Name>;
}

/**
 * The given values of a table's settings, and the protocol's defaults (or undefined) for the rest. Throws
 * `USAGE` naming the parameter, its value and what it takes.
 *
 * @param others what defaults may depend on besides the table's own values, such as the architecture
 */
export function resolveSettings<Table extends SettingsTable>(
  table: Table,
  protocol: Protocol,
  given: GivenOf<Table>,
  others: Readonly<Record<string, unknown>> = {},
): ValuesOf<Table> {
  checkSettings(table, given);
  const asked = given as Readonly<Record<string, unknown>>;
  const entries = Object.entries(table).map(
    ([name, entry]) => [name, asked[name] === undefined ? entry[protocol] : asked[name]] as const,
  );
  const values = Object.fromEntries(entries.filter(([, value]) => !isDependent(value)));
  for (const [name, value] of entries) {
    if (isDependent(value)) values[name] = value.of({ ...others, ...values });
  }
  return values as ValuesOf<Table>;
}

/** A protocol's defaults, except those that depend on other settings. */
export function defaultsOf(table: SettingsTable, protocol: Protocol): Readonly<Record<string, unknown>> {
  const entries = Object.entries(table).map(([name, entry]) => [name, entry[protocol]] as const);
  return Object.fromEntries(entries.filter(([, byDefault]) => !isDependent(byDefault)));
}

/** Throws `USAGE` naming the parameter, its value and the values that it takes, for a value of another type. */
export function checkSettings<Table extends SettingsTable>(table: Table, given: GivenOf<Table>): void {
  checkTypes(typesOf(table), given);
}

/** Throws as `checkSettings`, by types alone. */
export function checkTypes(types: Readonly<Record<string, ValueType<unknown>>>, given: object): void {
  for (const [name, type] of Object.entries(types)) {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) requireValue(name, value, type);
  }
}

/** Throws `USAGE` for a value that is not of its type. */
export function requireValue(parameter: string, value: unknown, type: ValueType<unknown>): void {
  const isAccepted: boolean = accepts(type, value);
  if (isAccepted) return;
  const { expected, item } = metaOf(type);
  if (item && Array.isArray(value)) {
    if (value.length === 0) {
      throw usageError(parameter, value, expected, `\`${parameter}\` is empty: it takes ${expected}.`);
    }
    for (const one of value) requireValue(parameter, one, item);
  }
  throw invalidParameter(parameter, value, expected);
}

/** A protocol's default as options write it, or in words if it depends on others or is missing. */
export function defaultInWords(entry: Setting<unknown>, protocol: Protocol): string {
  const byDefault = entry[protocol];
  if (isDependent(byDefault)) return byDefault.words;
  return byDefault === undefined ? (entry.otherwise ?? 'none') : inWords(byDefault);
}

/** A value as options write it. */
export function inWords(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (Array.isArray(value)) return value.map(inWords).join(',');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value);
}

function isDependent(value: unknown): value is DependentDefault<unknown> {
  return typeof value === 'object' && value !== null && 'of' in value && typeof value.of === 'function';
}
