import { z } from 'zod';
import type { EpochMetrics, TrainingResult } from './results.js';

// What is read of the files that training writes, which anyone may have changed since. Keys that are not known here are kept.

/** A number; null where it was none as it was written. */
export const real = z.number().nullable();
export const numbers = z.array(real);
export const intervalSchema = z.tuple([real, real]);
const count = z.number().int().nonnegative();

export const neuronSchema = z.looseObject({ layer: z.string(), index: count, score: real });

/** All lists have an entry a group. */
export const groupAccuraciesSchema = z
  .looseObject({
    correct: z.array(count).describe('correct examples of each group, group = y * numSpurious + a'),
    total: z.array(count).describe('examples of each group'),
    accuracy: numbers.describe('correct / total; null of no examples'),
    interval: z.array(intervalSchema).describe('95 % score interval of each accuracy'),
    worstGroup: z.number().int(),
    worstGroupAccuracy: real,
    average: real.describe('every example counts the same'),
    trainWeightedAverage: real.describe(
      'groups weighted by their shares of the training split; null where one has no examples',
    ),
  })
  .refine(
    ({ correct, total, accuracy, interval }) =>
      [total, accuracy, interval].every(({ length }) => length === correct.length),
    { error: 'its lists differ in their numbers of groups' },
  );

/** Of a line of `metrics.jsonl`. */
export const epochMetricsSchema = z.looseObject({
  epoch: z.number().int().min(1),
  ...{ lr: real, trainLoss: real, valLoss: real, best: z.boolean(), seconds: real },
  ...{ train: groupAccuraciesSchema, val: groupAccuraciesSchema },
  lossTerms: z.record(z.string(), real).optional(),
  mask: z.looseObject({ count, neurons: z.array(neuronSchema) }).optional(),
  groupWeights: numbers.optional(),
}) as z.ZodType as z.ZodType<EpochMetrics>;

/** Of `results/<method>.json`. */
export const trainingResultSchema = z.looseObject({
  kind: z.string().describe('the way to train, which names the file'),
  ...{ epochs: count, bestEpoch: count },
  select: z.string().optional(),
  ...{ train: groupAccuraciesSchema, val: groupAccuraciesSchema, test: groupAccuraciesSchema },
}) as z.ZodType as z.ZodType<TrainingResult>;
