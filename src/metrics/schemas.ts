// Schemas of recorded measures, apart from the code that computes them: importing the library loads no schema.
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';

/** [low, high]; [NaN, NaN] without an interval. */
export const intervalSchema = z.tuple([real, real]);
export type Interval = Recorded<typeof intervalSchema>;

/** Right answers and examples of each group, as results record them. */
export const groupAccuraciesSchema = z
  .looseObject({
    /** [numGroups], as all lists. */
    correct: z.array(count).describe('correct examples of each group, group = y * numSpurious + a'),
    /** 0 only if a training epoch drew none. */
    total: z.array(count).describe('examples of each group'),
    /** NaN (null in files) without examples. */
    accuracy: z.array(real).describe('correct / total; null of no examples'),
    interval: z.array(intervalSchema).describe('95 % score interval of each accuracy'),
    /** The group with the lowest accuracy among those with examples; ties: the lowest index. */
    worstGroup: z.number().int(),
    worstGroupAccuracy: real,
    average: real.describe('every example counts the same'),
    /** The "adjusted average"; NaN (null in files) if a group has no examples. */
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
