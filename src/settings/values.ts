import * as z from '../zod.js';
import { LONGEST_PATH, RANGES } from './ranges.js';

/** How front ends read a value from text. */
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

/** What messages and front ends know of a schema. */
interface ValueMeta {
  /** After "it takes": `a whole number of at least 1`. */
  readonly expected: string;
  readonly form: ValueForm;
  /** Whether it takes null, as text `none`. */
  readonly takesNone?: boolean;
  /** The type of a list's values. */
  readonly item?: z.ZodType;
  /** The words of a type of words. */
  readonly words?: readonly string[];
  /** The keys of an object of options. */
  readonly keys?: readonly string[];
}

/** The values that a setting takes. */
export type ValueType<Value> = z.ZodType<Value>;

/** Kept apart from the schemas: zod's own metadata takes any key, misspelt ones too. */
const METAS = new WeakMap<z.ZodType, ValueMeta>();

/** Adds to a schema what messages say and how text is read. */
export function valueType<Schema extends z.ZodType>(schema: Schema, meta: ValueMeta): Schema {
  METAS.set(schema, meta);
  return schema;
}

export function metaOf(type: ValueType<unknown>): ValueMeta {
  return METAS.get(type) ?? { expected: 'a value', form: 'text' };
}

/** Whether a value is of a type. */
export function accepts<Value>(type: ValueType<Value>, value: unknown): value is Value {
  return type.safeParse(value).success;
}

const [, MAX_COUNT] = RANGES.count;
const [, MAX_REAL] = RANGES.real;
const UP_TO = `up to ${MAX_REAL.toExponential().replace('+', '')}`;

export function integer(min: number, max: number = MAX_COUNT) {
  const range = max === MAX_COUNT ? `of at least ${min}, up to a billion` : `from ${min} to ${max}`;
  return valueType(z.int().min(min).max(max), { form: 'integer', expected: `a whole number ${range}` });
}

const number = (schema: z.ZodNumber, expected: string) => valueType(schema, { form: 'number', expected });

export const positive = () => number(z.number().positive().max(MAX_REAL), `a number above 0, ${UP_TO}`);

export const nonNegative = () => number(z.number().min(0).max(MAX_REAL), `a number of at least 0, ${UP_TO}`);

export function real(min: number, max: number) {
  return number(z.number().min(min).max(max), `a number from ${min} to ${max}`);
}

/** A number above 0 and below a limit, or at most 1 if the whole is allowed. */
export function share(
  what = 'a share',
  { whole = false, below = 1 }: { readonly whole?: boolean; readonly below?: number } = {},
) {
  const above = z.number().positive();
  return number(
    whole ? above.max(1) : above.lt(below),
    `${what} above 0 and ${whole ? 'at most 1' : `below ${below}`}`,
  );
}

export const toggle = () => valueType(z.boolean(), { form: 'boolean', expected: 'yes or no' });

export function oneOf<const Word extends string>(words: readonly Word[]): ValueType<Word> {
  return valueType(z.enum(words), { form: 'word', expected: `one of ${words.join(', ')}`, words });
}

/** Neither empty nor longer than a path, which most texts are; and without the character that no path has. */
export function text(expected: string) {
  const schema = z.string().min(1).max(LONGEST_PATH);
  return valueType(
    schema.refine((value) => !value.includes('\0'), 'no path has the character \\0'),
    { form: 'text', expected },
  );
}

const pixels = integer(...RANGES.side);
/** A side in pixels, or [height, width]. */
type Size = number | readonly [number, number];
const sizeSchema = (): ValueType<Size> => z.union([pixels, z.tuple([pixels, pixels])]);

/** A side in pixels, or [height, width]. */
export function size() {
  const expected = 'pixels: a side such as 224, or height and width such as 64x32';
  return valueType(sizeSchema(), { form: 'size', expected });
}

/** A number that the shorter side gets, or [height, width]. */
export function shorterSide() {
  const expected = 'pixels: the shorter side, such as 256, or height and width such as 256x256';
  return valueType(sizeSchema(), { form: 'shorter side or size', expected });
}

/** A value of a type, or null. */
export function orNone<Value>(type: ValueType<Value>): ValueType<Value | null> {
  const meta = metaOf(type);
  return valueType(type.nullable(), { ...meta, expected: `${meta.expected}, or none`, takesNone: true });
}

/** At least one value of a type. */
export function listOf<Value>(type: ValueType<Value>): ValueType<readonly Value[]> {
  return list(type, z.array(type).min(1), 'or several of them');
}

/** Values of a type for red, green and blue. */
export function three(type: ValueType<number>): ValueType<readonly [number, number, number]> {
  return list(type, z.tuple([type, type, type]), 'three of them');
}

/** At least `min` values of a type, none twice. */
export function severalOf<Value>(type: ValueType<Value>, min = 1): ValueType<readonly Value[]> {
  const differing = z
    .array(type)
    .min(min)
    .refine((values) => new Set(values).size === values.length);
  return list(type, differing, min === 1 ? 'or several different ones' : `and ${min} different ones or more`);
}

/** zod's own `readonly` freezes what it checks, which is the caller's. */
function list<Values>(item: z.ZodType, schema: z.ZodType<Values>, count: string): z.ZodType<Values> {
  const meta = metaOf(item);
  return valueType(schema, { ...meta, expected: `${meta.expected}, ${count}`, item });
}

/** A function. An async one is refused: nobody awaits it, and its error would end the process. */
export function callback() {
  const isSync = (value: unknown): boolean =>
    typeof value === 'function' && Object.prototype.toString.call(value) !== '[object AsyncFunction]';
  return valueType(z.custom<unknown>(isSync), { form: 'text', expected: 'a function that is not async' });
}

/** Goes by shape: worker contexts and test runners have classes of their own. */
export function abortSignal() {
  return objectWith('the signal of an AbortController', 'aborted', 'addEventListener');
}

/** An object whose values another function checks. */
export function objectWith(expected: string, ...keys: readonly string[]) {
  const hasKeys = (value: unknown): boolean =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && keys.every((key) => key in value);
  return valueType(z.custom<unknown>(hasKeys), { form: 'text', expected });
}

/** An object with options that another function checks. */
export function optionsObject(expected: string, keys: readonly string[]) {
  return valueType(objectWith(expected).clone(), { form: 'text', expected, keys });
}

export function either(one: ValueType<unknown>, other: ValueType<unknown>) {
  const [first, second] = [one, other].map(metaOf) as [ValueMeta, ValueMeta];
  return valueType(z.union([one, other]), { ...first, expected: `${first.expected}, or ${second.expected}` });
}
