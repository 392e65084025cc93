import { z } from 'zod';
import { groupAccuraciesSchema } from '../metrics/schemas.js';
import { count, type Recorded } from '../recorded.js';

/** One of the runs that are set side by side. */
const comparedRunSchema = z.looseObject({
  title: z.string(),
  /** The run's folder. */
  run: z.string(),
  /** Epochs of training that its weights have seen, those of the run that it started from included. */
  epochs: count,
  val: groupAccuraciesSchema,
  test: groupAccuraciesSchema,
  /** The meaning of the row, in one sentence. */
  shows: z.string(),
});
export type ComparedRun = Recorded<typeof comparedRunSchema>;

/** `results/comparison.json` */
export const comparisonSchema = z.looseObject({
  kind: z.literal('comparison'),
  runs: z.array(comparedRunSchema).min(1),
});
/** `results/comparison.json`: ways on from one run, side by side; the first one is what the others are compared with. */
export type ComparisonResult = Recorded<typeof comparisonSchema>;
