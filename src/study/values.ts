import { CRITERIA } from '../neurons/criteria.js';
import { LONGEST_NAME, RANGES } from '../settings/ranges.js';
import { differing, whole } from '../settings/schema.js';
import * as z from '../zod.js';

// A table would read a numeric name as a number.
export const name = z
  .string()
  .min(1)
  .max(LONGEST_NAME)
  .refine((text) => Number.isNaN(Number(text)), 'a name that is no number');
export const words = <Word extends string>(known: readonly Word[]) =>
  differing(z.array(z.enum(known)).min(1));
export const criteria = words(CRITERIA.map((criterion) => criterion.name));
export const positive = z.number().positive().max(RANGES.real[1]);
/** A difference of accuracies, in points. */
export const points = z.number().positive().max(99);
/** By minority group: the majority group of its class. */
export const minorityGroups = z.record(z.string().regex(/^\d+$/), whole(RANGES.groups, 0));
