import { z } from 'zod';
import { LONGEST_PATH, type Range } from './ranges.js';
import { firstRepeated } from './repeated.js';
import type { SettingsTable, ValueOf } from './setting.js';
import type { ValueType } from './values.js';

/** A whole number of a file within a range, which may begin later. */
export function whole([least, most]: Range, from: number = least): z.ZodNumber {
  return z.number().int().min(from).max(most);
}

/** A list of a file whose values differ from each other: one that stood there twice would count twice. */
export function differing<Item>(list: z.ZodType<Item[]>) {
  const error = 'the values must differ from each other';
  return list.refine((values) => firstRepeated(values) === undefined, { error });
}

/** A path in a file. */
export const pathSchema = z
  .string()
  .min(1)
  .max(LONGEST_PATH)
  .refine((path) => !path.includes('\0'), 'no path has the character \\0');

/** Schemas of files for the settings of a table, each of which may be left out. */
export function optionalSchemas<Table extends SettingsTable>(
  table: Table,
): { readonly [Name in keyof Table]: z.ZodOptional<z.ZodType<ValueOf<Table[Name]>>> } {
  const entries = Object.entries(table).map(([name, { type }]) => [name, schemaOf(type).optional()]);
  return Object.fromEntries(entries) as never;
}

function schemaOf({ form, words, expected, accepts }: ValueType<unknown>): z.ZodType {
  if (words !== undefined) return z.enum(words);
  if (form === 'boolean') return z.boolean();
  if (form === 'integer') return z.number().int().refine(accepts, `it takes ${expected}`);
  if (form === 'text') return z.string();
  throw new RangeError(`No schema of a file takes ${expected}`);
}
