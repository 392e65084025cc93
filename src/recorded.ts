import * as z from './zod.js';

/** A number. JSON writes NaN and infinity as null, and null is read as NaN. */
export const real = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);

/** A whole number of at least 0. */
export const count = z.number().int().nonnegative();

/** The read-only values of a file of this schema. Keys that the schema does not name are kept, untyped. */
export type Recorded<Schema extends z.ZodType> = Fixed<z.output<Schema>>;

/** A deeply read-only value, with the named keys of its objects. */
type Fixed<Value> = Value extends readonly unknown[]
  ? { readonly [Key in keyof Value]: Fixed<Value[Key]> }
  : Value extends object
    ? { readonly [Key in keyof Value as IsUnnamed<Value, Key> extends true ? never : Key]: Fixed<Value[Key]> }
    : Value;

/** Whether a key stands for all keys that a schema does not name. */
type IsUnnamed<Value, Key extends keyof Value> = string extends Key
  ? unknown extends Value[Key]
    ? true
    : false
  : false;
