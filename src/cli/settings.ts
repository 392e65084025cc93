import { InvalidArgumentError, Option } from 'commander';
import { defaultInWords, type GivenOf, type Setting, type SettingsTable } from '../settings/setting.js';
import { accepts, metaOf, type ValueForm, type ValueType } from '../settings/values.js';
import { parseAugmentation } from './augmentation.js';

/** Stands for null until the option's value is read: commander would turn null into an empty text. */
const NULL = Symbol('null');

/** An option with a value type: a flag's text is parsed, a file's value is checked. */
export class TypedOption extends Option {
  constructor(
    flags: string,
    description: string,
    readonly type: ValueType<unknown>,
  ) {
    super(flags, description);
    this.argParser((text) => parseValue(text, type) ?? NULL);
  }
}

/** `batchSize` -> `batch-size` */
export function kebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Returns the word of a setting's option: `batch-size`; undefined for a setting without one. */
export function optionWord(name: string, { argument }: Setting<unknown>): string | undefined {
  return argument === undefined ? undefined : kebabCase(name);
}

/** Returns the settings of a table that have an option, with its word. */
export function settingOptions(table: SettingsTable) {
  return Object.entries(table).flatMap(([name, entry]) => {
    const word = optionWord(name, entry);
    return word === undefined ? [] : [{ name, word, entry }];
  });
}

/** Returns the given values of a table's settings, by their names. */
export function givenSettings<Table extends SettingsTable>(
  table: Table,
  values: Readonly<Record<string, unknown>>,
): GivenOf<Table> {
  const given = settingOptions(table).flatMap(({ name, word }) => {
    const value = values[attributeOf(word)];
    return value === undefined ? [] : [[name, value === NULL ? null : value] as const];
  });
  return Object.fromEntries(given) as GivenOf<Table>;
}

/** Returns the options of a table's settings: `batchSize` -> `--batch-size`. */
export function settingNames(table: SettingsTable): Record<string, string> {
  return Object.fromEntries(settingOptions(table).map(({ name, word }) => [name, `--${word}`]));
}

/** Parses a setting's value from an option's text. Throws commander's InvalidArgumentError. */
export function parseValue(text: string, type: ValueType<unknown>): unknown {
  const { takesNone, item, form, expected } = metaOf(type);
  if (takesNone === true && text === 'none') return null;
  const isList = item !== undefined;
  const parts = isList ? text.split(',') : [text];
  const values = parts.map((part) => PARSERS[form](part.trim()));
  const value = isList ? values : values[0];
  if (accepts(type, value)) return value;
  throw new InvalidArgumentError(`It takes ${expected}.`);
}

/** Parse a text into a value; a malformed text gives one that no type accepts. */
const PARSERS: Readonly<Record<ValueForm, (text: string) => unknown>> = {
  integer: (text) => (/^\d+$/.test(text) ? Number(text) : Number.NaN),
  'integer or word': (text) => (/^\d+$/.test(text) ? Number(text) : text),
  number: (text) => (text === '' ? Number.NaN : Number(text)),
  boolean: (text) => (text === 'yes' ? true : text === 'no' ? false : text),
  word: (text) => text,
  text: (text) => text,
  size(text) {
    const [, height, width = height] = /^(\d+)(?:x(\d+))?$/.exec(text) ?? [];
    return [Number(height), Number(width)];
  },
  'shorter side or size': (text) => (/^\d+$/.test(text) ? Number(text) : PARSERS.size(text)),
  augmentation: parseAugmentation,
};

/** Returns the option of a setting; a flag if it takes no argument. */
export function settingOption(word: string, entry: Setting<unknown>): Option {
  const { type, help, argument = '' } = entry;
  if (argument === '') return new Option(`--${word}`, help);
  const [article, released] = [defaultInWords(entry, 'article'), defaultInWords(entry, 'released')];
  const byDefault = article === released ? article : `${article}; released: ${released}`;
  const { words, form, item } = metaOf(type);
  const isVariadic = item !== undefined && words !== undefined;
  const option = new TypedOption(
    `--${word} <${argument}${isVariadic ? '...' : ''}>`,
    entry.isRequired === true ? `${help} (required)` : `${help} (default: ${byDefault})`,
    type,
  ).makeOptionMandatory(entry.isRequired === true);
  if (words === undefined) return option;
  if (form === 'word') {
    option.choices(words);
    const { parseArg: one } = option;
    // Like other lists: with commas or as several words.
    if (isVariadic && one) {
      option.argParser<unknown>((text, before) =>
        text.split(',').reduce((all, part) => one(part, all), before),
      );
    }
    return option;
  }
  // For completion; other values are valid too, and the type checks them.
  option.argChoices = [...words];
  return option;
}

function attributeOf(word: string): string {
  return word.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}
