import { z } from 'zod';

/** How a value is written as text, for front ends that parse it. */
export type ValueForm =
  'integer' | 'integer or word' | 'number' | 'boolean' | 'word' | 'text' | 'size' | 'augmentation';

/** What a setting takes: how it is checked, and how that is said. */
export interface ValueType<Value> {
  readonly schema: z.ZodType<Value>;
  /** After "it takes": `a whole number of at least 1`. */
  readonly expected: string;
  readonly form: ValueForm;
  /** Whether it is a list of such values, and what each of them is. */
  readonly isList: boolean;
  readonly item?: ValueType<unknown>;
  /** The words that it may be, where it is a word. */
  readonly words?: readonly string[];
}

/** A whole number of at least `least`. */
export function integer(least: number, most = Number.MAX_SAFE_INTEGER): ValueType<number> {
  return {
    schema: z.number().int().min(least).max(most),
    expected:
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number of at least ${least}`
        : `a whole number from ${least} to ${most}`,
    form: 'integer',
    isList: false,
  };
}

/** A number above 0. */
export function positive(): ValueType<number> {
  return { schema: z.number().positive(), expected: 'a number above 0', form: 'number', isList: false };
}

/** A number of at least 0. */
export function nonNegative(): ValueType<number> {
  return { schema: z.number().min(0), expected: 'a number of at least 0', form: 'number', isList: false };
}

/** A number above 0 and below 1, or at most 1 where the whole is allowed. */
export function share(what = 'a share', options: { readonly whole?: boolean } = {}): ValueType<number> {
  const [schema, end] =
    options.whole === true
      ? [z.number().positive().max(1), 'at most 1']
      : [z.number().positive().lt(1), 'below 1'];
  return { schema, expected: `${what} above 0 and ${end}`, form: 'number', isList: false };
}

/** Yes or no. */
export function toggle(): ValueType<boolean> {
  return { schema: z.boolean(), expected: 'yes or no', form: 'boolean', isList: false };
}

/** One of some words. */
export function oneOf<const Word extends string>(words: readonly Word[]): ValueType<Word> {
  return {
    schema: z.enum(words),
    expected: `one of ${words.join(', ')}`,
    form: 'word',
    isList: false,
    words,
  };
}

/** Any text that is not empty, such as a path. */
export function text(expected: string): ValueType<string> {
  return { schema: z.string().min(1), expected, form: 'text', isList: false };
}

/** [height, width] in pixels. */
export function size(): ValueType<readonly [number, number]> {
  const pixels = z.number().int().min(1).max(9999);
  return {
    schema: z.tuple([pixels, pixels]),
    expected: 'pixels: a side such as 224, or height and width such as 64x32',
    form: 'size',
    isList: false,
  };
}

/** At least one value of a type, or `least` different ones. */
export function listOf<Value>(type: ValueType<Value>, least = 1): ValueType<readonly Value[]> {
  return {
    ...type,
    schema: z.array(type.schema).refine((values) => new Set(values).size >= least),
    expected:
      least === 1
        ? `${type.expected}, or several of them`
        : `${type.expected}, and ${least} different ones or more`,
    isList: true,
    item: type,
  };
}

/** A function. */
export function callback(): ValueType<unknown> {
  return {
    schema: z.custom((value) => typeof value === 'function'),
    expected: 'a function',
    form: 'text',
    isList: false,
  };
}

/** What tells a job to stop. Goes by shape: worker contexts and test runners have classes of their own. */
export function abortSignal(): ValueType<unknown> {
  return {
    schema: z.looseObject({}).refine((value) => 'aborted' in value && 'addEventListener' in value),
    expected: 'the signal of an AbortController',
    form: 'text',
    isList: false,
  };
}

/** An object that another function looks into. */
export function objectWith(expected: string, ...keys: readonly string[]): ValueType<unknown> {
  return {
    schema: z.looseObject({}).refine((value) => keys.every((key) => key in value)),
    ...{ expected, form: 'text', isList: false },
  };
}

/** One of two types. */
export function either(one: ValueType<unknown>, other: ValueType<unknown>): ValueType<unknown> {
  return {
    ...one,
    schema: z.union([one.schema, other.schema]),
    expected: `${one.expected}, or ${other.expected}`,
  };
}
