import { SpurmemError, invalidParameter } from '../errors.js';
import type { Protocol } from '../protocol.js';
import type { ValueType } from './values.js';

/** A default that depends on other settings, and how it is said. */
export interface DependentDefault<Value> {
  readonly words: string;
  readonly of: (others: Readonly<Record<string, unknown>>) => Value;
}

/** What a protocol takes where nothing is asked for; undefined: nothing, as `otherwise` says. */
export type Default<Value> = Value | DependentDefault<Value> | undefined;

/** A setting, declared once: its schema, defaults, option, help and documentation come from here. */
export interface Setting<Value> {
  readonly type: ValueType<Value>;
  /** One line. */
  readonly help: string;
  /** What stands for the value in help; a setting without it is fixed, and no option. */
  readonly argument?: string;
  /** The option's name, where it is not the setting's. */
  readonly option?: string;
  readonly article: Default<Value>;
  readonly released: Default<Value>;
  /** What happens where there is no default, such as `that of the run`. */
  readonly otherwise?: string;
  /** What the article says, and where; or whose choice the default is. */
  readonly source: string;
  /** What the published code does instead; left out: the same. */
  readonly published?: string;
  /** Whether that departure changes results by itself. */
  readonly isDeparture?: boolean;
  /** What this project did before, where it read the article or the published code otherwise. */
  readonly before?: string;
}

/** Settings by name, in the order in which they are listed. */
export type SettingsTable = Readonly<Record<string, Setting<unknown>>>;

/** A setting's value. */
type ValueOf<Entry> = Entry extends Setting<infer Value> ? Value : never;

/** The values of a table's settings. */
export type ValuesOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]: ValueOf<Table[Name]>;
};

/** Values that a caller gives; what is left out is the protocol's. */
export type GivenOf<Table extends SettingsTable> = {
  readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined;
};

type Declared<Value> = Omit<Setting<Value>, 'article' | 'released'>;

/** A setting whose default is the same under both protocols; its value may be undefined where it has none. */
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

/** A table without some of its settings. */
export function without<Table extends SettingsTable, Name extends keyof Table>(
  table: Table,
  ...names: readonly Name[]
): Omit<Table, Name> {
  return Object.fromEntries(
    Object.entries(table).filter(([name]) => !names.includes(name as Name)),
  ) as unknown as Omit<Table, Name>;
}

/**
 * The values of a table's settings: what was given, and the protocol's defaults for the rest. Settings without a default are
 * undefined where they are not given.
 *
 * @param others what defaults may depend on besides the table's own values, such as the architecture
 * @throws `USAGE` naming the parameter, its value and what it takes
 */
export function resolveSettings<Table extends SettingsTable>(
  table: Table,
  protocol: Protocol,
  given: GivenOf<Table>,
  others: Readonly<Record<string, unknown>> = {},
): ValuesOf<Table> {
  checkSettings(table, given);
  const values: Record<string, unknown> = {};
  const dependent: [string, DependentDefault<unknown>][] = [];
  for (const [name, entry] of Object.entries(table)) {
    const byDefault = entry[protocol];
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value === undefined && isDependent(byDefault)) dependent.push([name, byDefault]);
    else values[name] = value === undefined ? byDefault : value;
  }
  for (const [name, { of }] of dependent) values[name] = of({ ...others, ...values });
  return values as ValuesOf<Table>;
}

/** A protocol's defaults that depend on nothing. */
export function defaultsOf(table: SettingsTable, protocol: Protocol): Readonly<Record<string, unknown>> {
  const entries = Object.entries(table).map(([name, entry]) => [name, entry[protocol]] as const);
  return Object.fromEntries(entries.filter(([, byDefault]) => !isDependent(byDefault)));
}

/** Checks the values that were given. Throws `USAGE` naming the parameter, its value and what it takes. */
export function checkSettings<Table extends SettingsTable>(table: Table, given: GivenOf<Table>): void {
  for (const [name, { type }] of Object.entries(table)) {
    const value = (given as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) requireValue(name, value, type);
  }
}

/** Throws `USAGE` when a parameter's value is none of its type. */
export function requireValue(parameter: string, value: unknown, type: ValueType<unknown>): void {
  // As boolean: what an unknown type does not accept would be `never`.
  const isAccepted: boolean = type.accepts(value);
  if (isAccepted) return;
  if (type.isList && Array.isArray(value) && value.length === 0) {
    throw new SpurmemError('USAGE', `\`${parameter}\` is empty: it takes ${type.expected}.`, {
      ...{ parameter, value, expected: type.expected },
    });
  }
  if (type.item && Array.isArray(value)) {
    for (const one of value) requireValue(parameter, one, type.item);
  }
  throw invalidParameter(parameter, value, type.expected);
}

/** A protocol's default in words: `0.0001`, `yes`, `1,2,3`, what its dependence is called, or what happens without one. */
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
