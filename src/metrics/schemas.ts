// How results record measures; apart from what computes these, so that to import the library loads no schema.
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';

/** [low, high]; [NaN, NaN] without an interval. */
export const intervalSchema = z.tuple([real, real]);
export type Interval = Recorded<typeof intervalSchema>;

export const groupAccuraciesSchema = z
  .looseObject({
    /** [numGroups], as all lists. */
    correct: z.array(count).describe('correct examples of each group, group = y * numSpurious + a'),
    /** 0 only where an epoch of training drew none. */
    total: z.array(count).describe('examples of each group'),
    /** NaN, in files null, of no examples. */
    accuracy: z.array(real).describe('correct / total; null of no examples'),
    interval: z.array(intervalSchema).describe('95 % score interval of each accuracy'),
    /** The group with the lowest accuracy, of those with examples; the lowest index where several tie. */
    worstGroup: z.number().int(),
    worstGroupAccuracy: real,
    average: real.describe('every example counts the same'),
    /** The "adjusted average"; NaN, in files null, where a group has no examples. */
    trainWeightedAverage: real.describe(
      'groups weighted by their shares of the training split; null where one has no examples',
    ),
  })
  .refine(
    ({ correct, total, accuracy, interval }) =>
      [total, accuracy, interval].every(({ length }) => length === correct.length),
    { error: 'its lists differ in their numbers of groups' },
  );

/** Accuracy of each group g = y * numSpurious + a on one split, all as fractions in [0, 1]. */
export type GroupAccuracies = Recorded<typeof groupAccuraciesSchema>;
