import { z } from 'zod';
import type { SettingsTable, ValueOf } from './setting.js';
import type { ValueType } from './values.js';

/** Schemas of files for the settings of a table, each of which may be left out. */
export function optionalSchemas<Table extends SettingsTable>(
  table: Table,
): { readonly [Name in keyof Table]: z.ZodOptional<z.ZodType<ValueOf<Table[Name]>>> } {
  const entries = Object.entries(table).map(([name, { type }]) => [name, schemaOf(type).optional()]);
  return Object.fromEntries(entries) as never;
}

function schemaOf({ form, words, expected }: ValueType<unknown>): z.ZodType {
  if (words !== undefined) return z.enum(words);
  if (form === 'boolean') return z.boolean();
  if (form === 'integer') return z.number().int();
  if (form === 'text') return z.string();
  throw new RangeError(`No schema of a file takes ${expected}`);
}
