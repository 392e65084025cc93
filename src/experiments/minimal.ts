import { meanInterval } from '../metrics/intervals.js';
import { mannWhitney, mannWhitneyShape } from '../metrics/mannWhitney.js';
import { intervalSchema } from '../metrics/schemas.js';
import { mean, median, momentsOf } from '../metrics/statistics.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { count, real, type Recorded } from '../recorded.js';
import { setting, type SettingsTable } from '../settings/setting.js';
import { integer } from '../settings/values.js';
import * as z from '../zod.js';
import { group, sessionShape } from './results.js';

const MAINI = 'Maini et al. 2023';

/** Settings of minimal traces. */
export const MINIMAL_SETTINGS = {
  examples: setting({
    type: integer(1),
    argument: 'n',
    help: 'number of examples per group, drawn by the seed from those predicted right',
    default: 16,
    source: `${MAINI} tries 1000`,
  }),
  referenceSize: setting({
    type: integer(2),
    argument: 'n',
    help: 'training examples whose loss should stay, drawn by the seed from those predicted right',
    default: 128,
    source: `${MAINI}: a training batch, of models that fit all but all of it`,
  }),
  maxNeurons: setting({
    type: integer(1),
    argument: 'n',
    help: 'max neurons to zero before giving up on an example',
    default: 50,
    source: `ours: ${MAINI} has no limit`,
  }),
} satisfies SettingsTable;

/** The model on the reference examples: accuracy, as a fraction, and mean loss. */
const state = z.looseObject({ accuracy: real, loss: real });
export type ReferenceState = Recorded<typeof state>;

const exampleSchema = z.looseObject({
  group,
  filename: z.string(),
  /** Neurons that were zeroed: as many as it needs, or the most allowed if it did not flip. */
  count,
  /** Whether the example was predicted wrong after the last one. */
  flipped: z.boolean(),
  /** In the order in which they were zeroed, with the scores that chose them. */
  neurons: z.array(neuronSchema),
  loss: z.looseObject({ before: real, after: real }),
  /** The reference examples without the example itself. */
  reference: z.looseObject({ before: state, after: state }),
});
export type MinimalExample = Recorded<typeof exampleSchema>;

/** Null: there are no examples. */
const measured = z.number().nullable();

/** Some examples. One that did not flip counts as the most neurons allowed. */
const summarySchema = z.looseObject({
  examples: count,
  /** Share of them. */
  flipped: measured,
  /** Neurons per example. */
  median: measured,
  mean: measured,
  /** 95 % interval of the mean by Student's t, over the examples. */
  interval: intervalSchema.nullable(),
  /** Mean change of the accuracy on the reference examples. */
  referenceChange: measured,
});
export type MinimalSummary = Recorded<typeof summarySchema>;

/** Examples of minority groups against those of majority groups. */
const comparisonSchema = z.looseObject({
  ...mannWhitneyShape,
  minority: summarySchema,
  majority: summarySchema,
  /** Median of the minority minus that of the majority. */
  difference: real,
  /** Probability that a minority example needs fewer neurons than a majority example; a tie counts a half. */
  probabilityFewer: real,
});

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
  maxNeurons: count,
  /** The seed of the draw of examples. */
  seed: real,
  groups: z.array(summarySchema),
  /** Over examples of this one model; null if one of the two has none. */
  comparison: comparisonSchema.nullable(),
  examples: z.array(exampleSchema),
});
/** `results/trace-minimal.json` */
export type TraceMinimalResult = Recorded<typeof minimalSchema>;

/** Summarizes how many neurons some examples need. */
export function summarizeMinimal(examples: readonly MinimalExample[]): MinimalSummary {
  const counts = examples.map((example) => example.count);
  const over = (value: (example: MinimalExample) => number): number | null =>
    examples.length > 0 ? mean(examples.map(value)) : null;
  return {
    examples: examples.length,
    flipped: over(({ flipped }) => Number(flipped)),
    median: counts.length > 0 ? median(counts) : null,
    mean: over((example) => example.count),
    interval: counts.length > 1 ? meanInterval(momentsOf(counts)) : null,
    referenceChange: over(({ reference: { before, after } }) => after.accuracy - before.accuracy),
  };
}

/** Compares examples of minority groups with the others; null if there are none of one kind. */
export function compareMinorities(
  examples: readonly MinimalExample[],
  minorityGroups: readonly number[],
): TraceMinimalResult['comparison'] {
  const ofMinority = examples.filter((example) => minorityGroups.includes(example.group));
  const ofMajority = examples.filter((example) => !minorityGroups.includes(example.group));
  const [minority, majority] = [summarizeMinimal(ofMinority), summarizeMinimal(ofMajority)];
  if (minority.median === null || majority.median === null) return null;
  const [few, many] = [ofMinority, ofMajority].map((of) => of.map((example) => example.count));
  const { u, pValue } = mannWhitney(few ?? [], many ?? []);
  const difference = minority.median - majority.median;
  const probabilityFewer = 1 - u / (ofMinority.length * ofMajority.length);
  return { minority, majority, difference, u, pValue, probabilityFewer };
}
