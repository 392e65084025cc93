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
    correct: z.array(count),
    total: z.array(count),
    accuracy: numbers,
    interval: z.array(intervalSchema),
    worstGroup: z.number().int(),
    worstGroupAccuracy: real,
    average: real,
    trainWeightedAverage: real,
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
  kind: z.string(),
  ...{ epochs: count, bestEpoch: count },
  select: z.string().optional(),
  ...{ train: groupAccuraciesSchema, val: groupAccuraciesSchema, test: groupAccuraciesSchema },
}) as z.ZodType as z.ZodType<TrainingResult>;
