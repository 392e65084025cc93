import * as z from '../zod.js';
import type { Range } from './ranges.js';
import { firstRepeated } from './repeated.js';
import type { SettingsTable, ValueOf } from './setting.js';
import { text } from './values.js';

/** A whole number within a range, or from a later start of it. */
export function whole([min, max]: Range, from: number = min): z.ZodNumber {
  return z.number().int().min(from).max(max);
}

/** A list without repeated values, which would count twice. */
export function differing<Item>(list: z.ZodType<Item[]>) {
  const error = 'the values must differ from each other';
  return list.refine((values) => firstRepeated(values) === undefined, { error });
}

/** A path in a file. */
export const pathSchema = text('a path');

/** Schemas of files for the settings of a table, each of which may be left out. */
export function optionalSchemas<Table extends SettingsTable>(
  table: Table,
): { readonly [Name in keyof Table]: z.ZodOptional<z.ZodType<ValueOf<Table[Name]>>> } {
  return Object.fromEntries(
    Object.entries(table).map(([name, { type }]) => [name, type.optional()]),
  ) as never;
}
