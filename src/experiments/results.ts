import { SPLITS } from '../data/split.js';
import { LOSSES } from '../metrics/loss.js';
import { monteCarloShape } from '../metrics/monteCarlo.js';
import { groupAccuraciesSchema, intervalSchema } from '../metrics/schemas.js';
import { PRECISIONS } from '../native/interface.js';
import { CRITERION_NAME } from '../neurons/criterion.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { PERTURBATION_NAME } from '../neurons/perturbation.js';
import { GRADIENT_ORDERS, MAGNITUDE_LAYERS, UNITS } from '../neurons/settings.js';
import { PROTOCOLS } from '../protocol.js';
import { count, real, type Recorded } from '../recorded.js';
import * as z from '../zod.js';
import type { Outcome } from './outcomes.js';

// The files of traces in `results/`. Their content is untrusted.

/** Returns the name of a result's file, with the traced epoch unless that is the selected one. */
export function atEpoch(name: string, { epoch }: { readonly epoch?: number | undefined }): string {
  return epoch === undefined ? name : `${name}-epoch-${epoch}`;
}

/** Returns the name of an unstructured trace's file: what differs from zeroing on the training split is part of it. */
export function unstructuredName(result: {
  readonly perturbation?: unknown;
  readonly split?: unknown;
  readonly epoch?: number | undefined;
}): string {
  const parts = [result.perturbation, result.split].filter(
    (part) => !['zero', 'train', undefined].includes(part as string),
  );
  return atEpoch(['trace-unstructured', ...parts].join('-'), result);
}

export const group = count.max(9_999);
const reals = z.array(real);
const neurons = z.array(neuronSchema);
/** One of the package, or of a script. */
export const criterion = z.string().regex(CRITERION_NAME);
const ofOutcomes = <Schema extends z.ZodType>(schema: Schema) =>
  z.looseObject({ accuracy: schema, margin: schema, loss: schema } satisfies Record<Outcome, Schema>);

/** The effect of a perturbation, next to accuracy and its change; 95 % intervals over the examples. */
const effectShape = <Value extends z.ZodType, Ends extends z.ZodType>(value: Value, ends: Ends) => ({
  accuracyInterval: ends,
  changeInterval: ends,
  /** The change of the mean margin, in logits. */
  margin: value,
  marginInterval: ends,
  /** The change of the mean loss. */
  loss: value,
  lossInterval: ends,
});

/** The work of a trace, in forward passes of one image through the whole model. */
const costSchema = z.looseObject({
  /** Evaluating each variant alone on the whole split. */
  naiveForwards: real,
  /** Computed passes, each part weighted by its share of the model's multiply-adds. */
  runForwards: real,
  ratio: real,
});
export type TraceCost = Recorded<typeof costSchema>;

/** A trace's precision if it differs from its run's, and the number of training predictions that this changes. */
const precisionChangeSchema = z.looseObject({
  precision: z.enum(PRECISIONS),
  ofRun: z.enum(PRECISIONS),
  changed: count,
  total: count,
});
export type PrecisionChange = Recorded<typeof precisionChangeSchema>;

/** Fields of every trace, from its session. */
export const sessionShape = {
  /** sha256 of the traced weights file. */
  checkpoint: z.string(),
  unit: z.enum(UNITS),
  /** Neurons in the whole model, M. */
  numNeurons: count,
  protocol: z.enum(PROTOCOLS),
  /** The loss that ranked samples and whose gradient was taken. */
  loss: z.enum(LOSSES),
  magnitudeLayers: z.enum(MAGNITUDE_LAYERS),
  /** The number of samples picked by their loss, how many of them were drawn, and the seed of the draw. */
  gradientSource: z.looseObject({
    worst: count,
    drawn: count,
    order: z.enum(GRADIENT_ORDERS),
    seed: real,
  }),
  /** The epoch whose weights were traced; absent: the selected one. */
  epoch: count.optional(),
  /**
   * Whether neurons were chosen on half of each group's training examples, and training accuracies measured on the other half. Absent
   * if all were used for both.
   */
  heldOutHalf: z.boolean().optional(),
  /** Absent if the trace has its run's precision. */
  precision: precisionChangeSchema.optional(),
};
export type SessionHeader = Recorded<z.ZodObject<typeof sessionShape>>;

/** Fields of a trace that measures perturbed models. */
const measuredShape = {
  ...sessionShape,
  /** By number, [numGroups]; older traces have none. */
  groups: z.array(z.looseObject({ name: z.string(), minority: z.boolean() })).optional(),
  split: z.enum(SPLITS),
  criteria: z.array(criterion),
  /** Those of a script; absent if there are none. */
  ownCriteria: z.array(z.looseObject({ name: criterion, dependsOnGroup: z.boolean() })).optional(),
  topK: z.array(count),
  /** Max measured examples of each majority group. */
  samples: count,
  /** The unperturbed model, on the measured examples. */
  baseline: groupAccuraciesSchema,
  /** Its mean margin in logits, [numGroups]; older traces have none. */
  baselineMargin: reals.optional(),
  cost: costSchema,
  /** Max draws for each set of neurons and null; 0: no comparison with random neurons. */
  nullDraws: count,
  /** Exceedances that decide a side of a test. */
  exceedances: count,
  nulls: z.array(z.enum(NULL_NAMES)),
  /** The cost of the random neurons; null without them. */
  nullCost: costSchema.nullable(),
};
export type TraceHeader = Recorded<z.ZodObject<typeof measuredShape>>;

/** A change compared with those of random neurons, on the same examples and under the same seeds. */
const nullDistributionSchema = z.looseObject({
  ...monteCarloShape,
  /** The change by the chosen neurons. */
  change: real,
});
export type NullDistribution = Recorded<typeof nullDistributionSchema>;

const outcomeTestsSchema = ofOutcomes(nullDistributionSchema);
export type OutcomeTests = Recorded<typeof outcomeTestsSchema>;

/** A set of neurons compared with one null. */
const nullComparisonSchema = z.looseObject({
  /** By group, [numGroups]; null if a group was not requested, or its change is not a number. */
  groups: z.array(outcomeTestsSchema.nullable()),
  /** Minority minus majority change; null unless all groups were requested. */
  difference: outcomeTestsSchema.nullable(),
});
export type NullComparison = Recorded<typeof nullComparisonSchema>;

/** A set of neurons compared with random ones, by null. */
const comparisonsSchema = z.partialRecord(z.enum(NULL_NAMES), nullComparisonSchema);
export type SetComparisons = Recorded<typeof comparisonsSchema>;

/** An example that the unperturbed model predicts right and a variant predicts wrong. */
const lostExampleSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  /** The class that the variant predicts. */
  predicted: count,
});
export type LostExample = Recorded<typeof lostExampleSchema>;

/** The examples of a group that a variant lost: how many, and the first of them. */
const lostOfGroupSchema = z.looseObject({ count, first: z.array(lostExampleSchema) });

export const picture = z.string().startsWith('data:image/');

/** An example with its picture, which a report shows without the dataset. */
export const picturedSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  filename: z.string(),
  group,
  label: count,
  image: z.looseObject({ dataUri: picture, width: count, height: count }),
});
export type PicturedExample = Recorded<typeof picturedSchema>;

/** One bar of the article's Figs 2, 4 and 5: the neurons chosen for one group, and the effect of perturbing them. */
const traceEntrySchema = z.looseObject({
  criterion,
  /** The group whose worst samples gave the gradient. A criterion that does not depend on the group repeats its choice. */
  group,
  k: count,
  /** Standard deviation of the perturbation; null if nothing is drawn. */
  sigma: z.number().nullable(),
  /** The k neurons, highest score first. */
  neurons,
  /** Accuracy of each group, [numGroups], as a fraction: the mean over seeds. */
  accuracy: reals,
  /** Perturbed minus baseline accuracy, likewise; the article plots |change|. */
  change: reals,
  /** Standard deviation of the change over seeds, [numGroups]; null with fewer than two seeds. */
  changeStd: reals.nullable(),
  ...effectShape(reals, z.array(intervalSchema)),
  /** Mean change of the measured minority examples minus that of the majority ones; null if a group has no examples. */
  difference: ofOutcomes(real).nullable(),
  /** The examples that each group lost, [numGroups]; of drawn perturbations under the first seed. */
  lost: z.array(lostOfGroupSchema),
  /** Comparisons with random neurons; null if none were made. */
  comparisons: comparisonsSchema.nullable(),
});
/** The effects of perturbing one set of neurons. An interface, because TypeScript names those in its messages. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- its schema has the members
export interface TraceEntry extends Recorded<typeof traceEntrySchema> {}

/** The source of rewound weights: epochs before the traced one, its number from 1 (0: before the first), and its weights' SHA-256. */
const rewoundSchema = z.looseObject({ epochs: count, epoch: count, checkpoint: z.string() });
export type RewoundTo = Recorded<typeof rewoundSchema>;

/** `results/trace-unstructured*.json` */
export const unstructuredSchema = z.looseObject({
  kind: z.literal('trace-unstructured'),
  ...measuredShape,
  /** One of the package, or of a script. */
  perturbation: z.string().regex(PERTURBATION_NAME),
  /** Standard deviations; absent if nothing is drawn. */
  sigmas: z.array(z.number()).optional(),
  /** The numbers of neurons compared with random ones; absent if none were. */
  comparedTopK: z.array(count).optional(),
  /** Seeds of the perturbation's draws; empty if it draws nothing, like zeroing. */
  seeds: reals,
  /** The number of seeds averaged over for each criterion; absent if nothing is drawn. */
  repeats: z.record(criterion, count).optional(),
  /** Absent unless weights of an earlier epoch were used. */
  rewound: rewoundSchema.optional(),
  /** Examples that each group lost to its own neurons. */
  pictures: z.array(picturedSchema),
  entries: z.array(traceEntrySchema),
});
/** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11, 12). */
export interface TraceUnstructuredResult extends Omit<Recorded<typeof unstructuredSchema>, 'entries'> {
  readonly entries: readonly TraceEntry[];
}

/** One cell of the article's Fig. 7: the top neurons of one layer for one group, zeroed, and that group's accuracy. */
const layerEntrySchema = z.looseObject({
  criterion,
  layer: z.string(),
  group,
  k: count,
  neurons,
  accuracy: real,
  change: real,
  /** Samples of the group that became wrong, and samples that became right. */
  lost: real,
  gained: real,
  ...effectShape(real, intervalSchema),
  /** Comparisons with random neurons; null if none were made. */
  comparisons: comparisonsSchema.nullable(),
});
export type LayerEntry = Recorded<typeof layerEntrySchema>;

export const structuredSchema = z.looseObject({
  kind: z.literal('trace-structured'),
  ...measuredShape,
  perturbation: z.literal('zero'),
  /** In the model's order; magnitude has no entries for layers that it does not choose from. */
  layers: z.array(z.string()),
  entries: z.array(layerEntrySchema),
});
/** `results/trace-structured.json` (article, Fig. 7). */
export type TraceStructuredResult = Recorded<typeof structuredSchema>;

/**
 * The set in which a chosen neuron is ranked, by three readings of the article's Fig. 3: all neurons of the model; the neurons of its
 * layer ("in the convolutional layer"); or, for each of its single weights, all weights of the model, as the published code logs it.
 */
export const RANK_READINGS = ['model', 'layer', 'weights'] as const;

/** Width of the bins of ranks in percent; the last two cover 95 to 100 %, as in the article. */
export const RANK_BIN = 2.5;

/** The ranks of one criterion's top neurons under another criterion. */
const overlapEntrySchema = z.looseObject({
  reading: z.enum(RANK_READINGS),
  group,
  /** The criterion that chose the neurons, and the one that ranks them. */
  chosenBy: criterion,
  rankedBy: criterion,
  neurons: z.array(
    neuronSchema.extend({
      /** Share of the set whose score under `rankedBy` is at most its own, in percent; for single weights the median of their ranks. */
      percentile: z.number().min(0).max(100),
    }),
  ),
  /** Ranks in each bin, [100 / RANK_BIN]; for single weights only. */
  counts: z.array(count).optional(),
});
export type OverlapEntry = Recorded<typeof overlapEntrySchema>;

export const overlapSchema = z.looseObject({
  kind: z.literal('trace-overlap'),
  ...sessionShape,
  criteria: z.array(criterion),
  /** Share of all neurons that a criterion chooses, and their number, ceil(fraction * M). */
  fraction: z.number(),
  count,
  entries: z.array(overlapEntrySchema),
});
/** `results/trace-overlap.json` (article, Fig. 3). */
export type TraceOverlapResult = Recorded<typeof overlapSchema>;

/** Images of a group that are memorized, compared with others of it at the same margin, under neurons zeroed. */
const memorizedEntrySchema = z.looseObject({
  criterion,
  chosenFor: group,
  k: count,
  group,
  /** Images with more than 0.5, and others. */
  memorized: count,
  others: count,
  /** Memorized images with others at the same margin. */
  compared: count,
  /** Mean changes of their margins in logits beyond random neurons; null if none is compared. */
  change: real.nullable(),
  otherChange: real.nullable(),
  /** The first minus the second, and its 95 % interval over images. */
  difference: real.nullable(),
  interval: intervalSchema.nullable(),
});
export type MemorizedEntry = Recorded<typeof memorizedEntrySchema>;

export const memorizedSchema = z.looseObject({
  kind: z.literal('trace-memorized'),
  ...sessionShape,
  /** The table of images. */
  memorized: z.string(),
  criteria: z.array(criterion),
  topK: z.array(count),
  nullDraws: count,
  entries: z.array(memorizedEntrySchema),
});
/** `results/trace-memorized.json`. */
export type TraceMemorizedResult = Recorded<typeof memorizedSchema>;
