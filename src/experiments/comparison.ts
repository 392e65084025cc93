import { groupAccuraciesSchema } from '../metrics/schemas.js';
import { count, type Recorded } from '../recorded.js';
import * as z from '../zod.js';

const comparedRunSchema = z.looseObject({
  title: z.string(),
  run: z.string(),
  /** Epochs of training of its weights, including the run that it started from. */
  epochs: count,
  val: groupAccuraciesSchema,
  test: groupAccuraciesSchema,
  /** The meaning of the row, in one sentence. */
  shows: z.string(),
});
export type ComparedRun = Recorded<typeof comparedRunSchema>;

export const comparisonSchema = z.looseObject({
  kind: z.literal('comparison'),
  runs: z.array(comparedRunSchema).min(1),
});
/** `results/comparison.json`: one run, and the runs that started from it. */
export type ComparisonResult = Recorded<typeof comparisonSchema>;
