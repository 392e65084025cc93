import { LONGEST_PATH, RANGES } from './ranges.js';

/** The form of a value as text, for front ends that parse it. */
export type ValueForm =
  | 'integer'
  | 'integer or word'
  | 'number'
  | 'boolean'
  | 'word'
  | 'text'
  | 'size'
  | 'shorter side or size'
  | 'augmentation';

/** The values that a setting takes: their check, and the words for it. */
export interface ValueType<Value> {
  readonly accepts: (value: unknown) => value is Value;
  /** After "it takes": `a whole number of at least 1`. */
  readonly expected: string;
  readonly form: ValueForm;
  readonly isList: boolean;
  /** Whether it takes null, as text `none`. */
  readonly takesNone?: boolean;
  /** The type of a list's values. */
  readonly item?: ValueType<unknown>;
  /** The words of a type of words. */
  readonly words?: readonly string[];
}

/** A type of single values; `accepts` must hold for values of that type alone. */
function single<Value>(
  form: ValueForm,
  expected: string,
  accepts: (value: unknown) => boolean,
): ValueType<Value> {
  return { accepts: accepts as ValueType<Value>['accepts'], expected, form, isList: false };
}

const [, MOST_COUNT] = RANGES.count;
const [, MOST_REAL] = RANGES.real;
const UP_TO = `up to ${MOST_REAL.toExponential().replace('+', '')}`;

/** Whether it is a number in a range. */
function isWithin(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

export function integer(least: number, most: number = MOST_COUNT): ValueType<number> {
  const range = most === MOST_COUNT ? `of at least ${least}, up to a billion` : `from ${least} to ${most}`;
  return single(
    'integer',
    `a whole number ${range}`,
    (value) => isWithin(value, least, most) && Number.isInteger(value),
  );
}

export function positive(): ValueType<number> {
  return single(
    'number',
    `a number above 0, ${UP_TO}`,
    (value) => isWithin(value, 0, MOST_REAL) && value > 0,
  );
}

export function real(least: number, most: number): ValueType<number> {
  return single('number', `a number from ${least} to ${most}`, (value) => isWithin(value, least, most));
}

export function nonNegative(): ValueType<number> {
  return single('number', `a number of at least 0, ${UP_TO}`, (value) => isWithin(value, 0, MOST_REAL));
}

/** A number above 0 and below 1, or at most 1 where the whole is allowed. */
export function share(what = 'a share', options: { readonly whole?: boolean } = {}): ValueType<number> {
  const whole = options.whole === true;
  return single(
    'number',
    `${what} above 0 and ${whole ? 'at most 1' : 'below 1'}`,
    (value) => isWithin(value, 0, 1) && value > 0 && (whole || value < 1),
  );
}

export function toggle(): ValueType<boolean> {
  return single('boolean', 'yes or no', (value) => typeof value === 'boolean');
}

export function oneOf<const Word extends string>(words: readonly Word[]): ValueType<Word> {
  const accepts = (value: unknown): boolean => words.some((word) => word === value);
  return { ...single<Word>('word', `one of ${words.join(', ')}`, accepts), words };
}

/** Neither empty nor longer than a path, which most texts are; and without the character that no path has. */
export function text(expected: string): ValueType<string> {
  return single(
    'text',
    expected,
    (value) =>
      typeof value === 'string' && value !== '' && value.length <= LONGEST_PATH && !value.includes('\0'),
  );
}

/** A side in pixels, or [height, width]. */
export function size(): ValueType<number | readonly [number, number]> {
  const pixels = integer(...RANGES.side);
  return single(
    'size',
    'pixels: a side such as 224, or height and width such as 64x32',
    (value) =>
      pixels.accepts(value) || (Array.isArray(value) && value.length === 2 && value.every(pixels.accepts)),
  );
}

/** A number that the shorter side gets, or [height, width]. */
export function shorterSide(): ValueType<number | readonly [number, number]> {
  const type = size();
  const expected = 'pixels: the shorter side, such as 256, or height and width such as 256x256';
  return { ...type, expected, form: 'shorter side or size' };
}

/** A value of a type, or null. */
export function orNone<Value>(type: ValueType<Value>): ValueType<Value | null> {
  return {
    ...type,
    accepts: (value): value is Value | null => value === null || type.accepts(value),
    expected: `${type.expected}, or none`,
    takesNone: true,
  };
}

/** At least one value of a type. */
export function listOf<Value>(type: ValueType<Value>): ValueType<readonly Value[]> {
  return {
    ...type,
    accepts: (value): value is readonly Value[] =>
      Array.isArray(value) && value.length > 0 && value.every(type.accepts),
    expected: `${type.expected}, or several of them`,
    isList: true,
    item: type,
  };
}

/** Values of a type for red, green and blue. */
export function three(type: ValueType<number>): ValueType<readonly [number, number, number]> {
  const list = listOf(type);
  return {
    ...list,
    accepts: (value): value is readonly [number, number, number] => list.accepts(value) && value.length === 3,
    expected: `${type.expected}, three of them`,
  };
}

/** At least `least` values of a type, none twice. */
export function severalOf<Value>(type: ValueType<Value>, least = 1): ValueType<readonly Value[]> {
  const list = listOf(type);
  return {
    ...list,
    accepts: (value): value is readonly Value[] =>
      list.accepts(value) && value.length >= least && new Set(value).size === value.length,
    expected:
      least === 1
        ? `${type.expected}, or several different ones`
        : `${type.expected}, and ${least} different ones or more`,
  };
}

/** Nobody waits for what an async function does: where it failed, the process would end. */
export function callback(): ValueType<unknown> {
  return single(
    'text',
    'a function that is not async',
    (value) =>
      typeof value === 'function' && Object.prototype.toString.call(value) !== '[object AsyncFunction]',
  );
}

/** Goes by shape: worker contexts and test runners have classes of their own. */
export function abortSignal(): ValueType<unknown> {
  return objectWith('the signal of an AbortController', 'aborted', 'addEventListener');
}

/** An object whose values another function checks. */
export function objectWith(expected: string, ...keys: readonly string[]): ValueType<unknown> {
  return single(
    'text',
    expected,
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      keys.every((key) => key in value),
  );
}

export function either(one: ValueType<unknown>, other: ValueType<unknown>): ValueType<unknown> {
  return {
    ...one,
    accepts: (value): value is unknown => one.accepts(value) || other.accepts(value),
    expected: `${one.expected}, or ${other.expected}`,
  };
}
