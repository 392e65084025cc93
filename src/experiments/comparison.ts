import { groupAccuraciesSchema } from '../metrics/schemas.js';
import { count, type Recorded } from '../recorded.js';
import * as z from '../zod.js';

const comparedRunSchema = z.looseObject({
  title: z.string(),
  run: z.string(),
  /** Epochs that its weights were trained for, those of the run that it started from included. */
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
/** `results/comparison.json`: ways on from one run, which comes first, side by side. */
export type ComparisonResult = Recorded<typeof comparisonSchema>;
