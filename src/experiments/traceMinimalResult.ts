import { mannWhitneyShape } from '../metrics/mannWhitney.js';
import { intervalSchema } from '../metrics/schemas.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';
import { group, sessionShape } from './results.js';

const beforeAfter = <Schema extends z.ZodType>(schema: Schema) =>
  z.looseObject({ before: schema, after: schema });

/** A model on the reference examples: its accuracy, as a fraction, and its mean loss. */
const referenceStateSchema = z.looseObject({ accuracy: real, loss: real });
export type ReferenceState = Recorded<typeof referenceStateSchema>;

/** An example, and the neurons without which the model forgets it. */
const minimalExampleSchema = z.looseObject({
  group,
  filename: z.string(),
  /** Neurons that were zeroed: as many as it needs, or the most allowed where it did not flip. */
  count,
  /** Whether the example was predicted wrong after the last one. */
  flipped: z.boolean(),
  /** In the order in which they were zeroed, with the scores that chose them. */
  neurons: z.array(neuronSchema),
  loss: beforeAfter(real),
  /** The reference examples, the example itself left out. */
  reference: beforeAfter(referenceStateSchema),
});
export type MinimalExample = Recorded<typeof minimalExampleSchema>;

/** The examples of one group, or of several. An example that did not flip counts as the most neurons allowed. */
const minimalSummarySchema = z.looseObject({
  examples: count,
  /** Share of them that flipped; null, as the next ones, where there are none. */
  flipped: z.number().nullable(),
  /** Neurons an example. */
  median: z.number().nullable(),
  mean: z.number().nullable(),
  /** 95 % interval of the mean by Student's t, over the examples. */
  interval: intervalSchema.nullable(),
  /** Mean change of the accuracy on the reference examples. */
  referenceChange: z.number().nullable(),
});
export type MinimalSummary = Recorded<typeof minimalSummarySchema>;

/** Examples of minority groups against those of majority groups. */
const minimalComparisonSchema = z.looseObject({
  ...mannWhitneyShape,
  minority: minimalSummarySchema,
  majority: minimalSummarySchema,
  /** Median of the minority minus that of the majority. */
  difference: real,
  /** Probability that a minority example needs fewer neurons than a majority example; a tie counts a half. */
  probabilityFewer: real,
});
export type MinimalComparison = Recorded<typeof minimalComparisonSchema>;

const { checkpoint, epoch, unit, numNeurons, loss, precision } = sessionShape;

export const minimalSchema = z.looseObject({
  kind: z.literal('trace-minimal'),
  checkpoint,
  epoch,
  unit,
  numNeurons,
  loss,
  precision,
  /** Examples of each group at most, reference examples, and neurons at which an example was given up. */
  examplesPerGroup: count,
  referenceSize: count,
  mostNeurons: count,
  /** The seed of the draw of examples. */
  seed: real,
  groups: z.array(minimalSummarySchema),
  /** Over examples of this one model; null where one of the two has none. */
  comparison: minimalComparisonSchema.nullable(),
  examples: z.array(minimalExampleSchema),
});
/** `results/trace-minimal.json` */
export type TraceMinimalResult = Recorded<typeof minimalSchema>;
