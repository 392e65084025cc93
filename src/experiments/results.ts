import { z } from 'zod';
import { SPLITS } from '../data/split.js';
import { LOSSES } from '../metrics/loss.js';
import { monteCarloShape } from '../metrics/monteCarlo.js';
import { groupAccuraciesSchema, intervalSchema } from '../metrics/schemas.js';
import { PRECISIONS } from '../native/addon.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';
import { neuronSchema } from '../neurons/neuronSchema.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { GRADIENT_ORDERS } from '../neurons/score.js';
import { MAGNITUDE_LAYERS, UNITS } from '../neurons/select.js';
import { PROTOCOLS } from '../protocol.js';
import { count, real, type Recorded } from '../recorded.js';
import type { Outcome } from './outcomes.js';

// The files of traces in `results/`. Anyone may have written them.

export const group = count.max(9_999);
const reals = z.array(real);
const intervals = z.array(intervalSchema);
const neurons = z.array(neuronSchema);
const criterion = z.enum(CRITERION_NAMES);
const ofOutcomes = <Schema extends z.ZodType>(schema: Schema) =>
  z.looseObject({ accuracy: schema, margin: schema, loss: schema } satisfies Record<Outcome, Schema>);

/** The work of a trace, in forward passes of one image through the whole model. */
const costSchema = z.looseObject({
  /** Evaluating each variant alone on the whole split. */
  naiveForwards: real,
  /** Passes that were computed, each part weighted by its share of the model's multiply-adds. */
  runForwards: real,
  /** run / naive. */
  ratio: real,
});
export type TraceCost = Recorded<typeof costSchema>;

/** A trace that computes otherwise than its run, and what that alone changes. */
const precisionChangeSchema = z.looseObject({
  precision: z.enum(PRECISIONS),
  ofRun: z.enum(PRECISIONS),
  /** Training examples that the unperturbed model predicts otherwise, and all of them. */
  changed: count,
  total: count,
});
export type PrecisionChange = Recorded<typeof precisionChangeSchema>;

/** Fields that a session gives every trace to record. */
export const sessionShape = {
  /** sha256 of the traced weights file. */
  checkpoint: z.string(),
  unit: z.enum(UNITS),
  /** Neurons in the whole model, M. */
  numNeurons: count,
  /** Whose settings were the defaults. */
  protocol: z.enum(PROTOCOLS),
  /** The loss that ranked samples and whose gradient was taken. */
  loss: z.enum(LOSSES),
  /** Where magnitude chose neurons. */
  magnitudeLayers: z.enum(MAGNITUDE_LAYERS),
  /** Samples of the group that were picked by their loss, how many of them were drawn, and the seed of the draw. */
  gradientSource: z.looseObject({
    worst: count,
    drawn: count,
    order: z.enum(GRADIENT_ORDERS),
    seed: real,
  }),
  /** Left out where the trace computes as its run did. */
  precision: precisionChangeSchema.optional(),
};
export type SessionHeader = Recorded<z.ZodObject<typeof sessionShape>>;

/** Fields of a trace that measures perturbed models: its settings, and what they cost. */
const measuredShape = {
  ...sessionShape,
  split: z.enum(SPLITS),
  criteria: z.array(criterion),
  topK: z.array(count),
  /** Examples of each majority group that were measured at most. */
  samples: count,
  /** Accuracies of the model as it is, on the examples that were measured. */
  baseline: groupAccuraciesSchema,
  cost: costSchema,
  /** Draws at most for each set of neurons and null; 0: no set was compared with random neurons. */
  nullDraws: count,
  /** Exceedances that decide a side of a test. */
  exceedances: count,
  nulls: z.array(z.enum(NULL_NAMES)),
  /** The cost of the random neurons; null without them. */
  nullCost: costSchema.nullable(),
};
export type TraceHeader = Recorded<z.ZodObject<typeof measuredShape>>;

/** A change beside those of random neurons, on the same examples and under the same seeds: a sequential Monte Carlo test. */
const nullDistributionSchema = z.looseObject({
  ...monteCarloShape,
  /** That of the chosen neurons. */
  change: real,
});
export type NullDistribution = Recorded<typeof nullDistributionSchema>;

/** A test for each outcome. */
const outcomeTestsSchema = ofOutcomes(nullDistributionSchema);
export type OutcomeTests = Recorded<typeof outcomeTestsSchema>;

/** A set of neurons beside one null. */
const nullComparisonSchema = z.looseObject({
  /** By group, [numGroups]; null where a group was not asked for, or its change is no number. */
  groups: z.array(outcomeTestsSchema.nullable()),
  /** Minority minus majority change; null where not all groups were asked for. */
  difference: outcomeTestsSchema.nullable(),
});
export type NullComparison = Recorded<typeof nullComparisonSchema>;

/** A set of neurons beside random ones, by null. */
const comparisonsSchema = z.partialRecord(z.enum(NULL_NAMES), nullComparisonSchema);
export type SetComparisons = Recorded<typeof comparisonsSchema>;

/** An example that the model as it is predicts right, and a variant of it wrong. */
const lostExampleSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  /** The class that the variant predicts. */
  predicted: count,
});
export type LostExample = Recorded<typeof lostExampleSchema>;

/** The examples of a group that a variant lost: how many, and the first of them. */
const lostOfGroupSchema = z.looseObject({ count, first: z.array(lostExampleSchema) });
export type LostOfGroup = Recorded<typeof lostOfGroupSchema>;

export const picture = z.string().startsWith('data:image/');

/** An example with its picture, so that a report can show it when the dataset is gone. */
const picturedSchema = z.looseObject({
  /** Position in the dataset's examples. */
  example: count,
  filename: z.string(),
  group,
  /** Its class. */
  label: count,
  image: z.looseObject({ dataUri: picture, width: count, height: count }),
});
export type PicturedExample = Recorded<typeof picturedSchema>;

/** One bar of the article's Figs 2, 4 and 5: the neurons chosen for one group, and what perturbing them did. */
const traceEntrySchema = z.looseObject({
  criterion,
  /** The group whose worst samples gave the gradient. A criterion that does not depend on the group repeats its choice. */
  group,
  k: count,
  /** Standard deviation of the perturbation; null where nothing is drawn. */
  sigma: z.number().nullable(),
  /** The k neurons, highest score first. */
  neurons,
  /** Accuracy of each group, [numGroups], as a fraction: the mean over seeds. */
  accuracy: reals,
  /** Perturbed minus baseline accuracy of each group, [numGroups]: the mean over seeds; the article plots |change|. */
  change: reals,
  /** Standard deviation of the change over seeds, [numGroups]; null where there is one seed or none. */
  changeStd: reals.nullable(),
  /** 95 % score interval of the accuracy and of the change of each group, [numGroups], over the examples. */
  accuracyInterval: intervals,
  changeInterval: intervals,
  /** Change of each group's mean margin and mean loss, [numGroups], and their intervals. */
  margin: reals,
  marginInterval: intervals,
  loss: reals,
  lossInterval: intervals,
  /** Change of all minority examples minus that of all majority ones; null where a group has no examples. */
  difference: ofOutcomes(real).nullable(),
  /** The examples that each group lost, [numGroups]; of drawn perturbations under the first seed. */
  lost: z.array(lostOfGroupSchema),
  /** Beside random neurons; null where they were not compared. */
  comparisons: comparisonsSchema.nullable(),
});
export type TraceEntry = Recorded<typeof traceEntrySchema>;

/** Where rewound neurons got their weights. */
const rewoundSchema = z.looseObject({
  /** How many epochs before the traced one. */
  epochs: count,
  /** The epoch after which they were theirs, counted from 1, and the sha256 of its weights file. */
  epoch: count,
  checkpoint: z.string(),
});
export type RewoundTo = Recorded<typeof rewoundSchema>;

/** `results/trace-unstructured*.json` */
export const unstructuredSchema = z.looseObject({
  kind: z.literal('trace-unstructured'),
  ...measuredShape,
  perturbation: z.enum(PERTURBATION_NAMES),
  /** Standard deviations; left out where nothing is drawn. */
  sigmas: z.array(z.number()).optional(),
  /** The numbers of neurons that were compared with random ones; left out where none were. */
  comparedTopK: z.array(count).optional(),
  /** Seeds of the perturbation's draws; empty where it draws nothing, as zeroing. */
  seeds: reals,
  /** How many of the seeds, from the first on, each criterion was averaged over; left out where nothing is drawn. */
  repeats: z.partialRecord(criterion, count).optional(),
  /** Left out where no weights of an earlier epoch were taken. */
  rewound: rewoundSchema.optional(),
  /** Examples that each group lost to its own neurons. */
  pictures: z.array(picturedSchema),
  entries: z.array(traceEntrySchema),
});
/** `results/trace-unstructured*.json` (article, Figs 2, 4, 5, 11, 12). */
export type TraceUnstructuredResult = Recorded<typeof unstructuredSchema>;

/** One cell of the article's Fig. 7: the top neurons of one layer for one group, zeroed, and that group's accuracy. */
const layerEntrySchema = z.looseObject({
  criterion,
  layer: z.string(),
  group,
  k: count,
  neurons,
  accuracy: real,
  change: real,
  /** Samples of the group that were right and became wrong, and the other way round. */
  lost: real,
  gained: real,
  /** 95 % score interval of the accuracy and of the change, over the examples. */
  accuracyInterval: intervalSchema,
  changeInterval: intervalSchema,
  /** Change of the group's mean margin and mean loss, and their intervals. */
  margin: real,
  marginInterval: intervalSchema,
  loss: real,
  lossInterval: intervalSchema,
  /** Beside random neurons; null where they were not compared. */
  comparisons: comparisonsSchema.nullable(),
});
export type LayerEntry = Recorded<typeof layerEntrySchema>;

/** `results/trace-structured.json` */
export const structuredSchema = z.looseObject({
  kind: z.literal('trace-structured'),
  ...measuredShape,
  perturbation: z.literal('zero'),
  /** In the model's order; magnitude has no entries in those that it does not choose from. */
  layers: z.array(z.string()),
  entries: z.array(layerEntrySchema),
});
/** `results/trace-structured.json` (article, Fig. 7). */
export type TraceStructuredResult = Recorded<typeof structuredSchema>;

/**
 * The set that a chosen neuron is ranked in (article, Fig. 3, which can be read in three ways): the norms of all neurons of the
 * model; those of its layer ("in the convolutional layer"); or, for each of its single weights, all single weights of the model,
 * as the published code logs it.
 */
export const RANK_READINGS = ['model', 'layer', 'weights'] as const;
export type RankReading = (typeof RANK_READINGS)[number];

/** Width of the bins that ranks are counted in, in percent: the last two hold 95 to 100 %, as the article's. */
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
      /**
       * Share of the set that it is ranked in whose score under `rankedBy` is not above this one's, in percent; 100 is the highest.
       * For single weights: the median of their ranks.
       */
      percentile: z.number().min(0).max(100),
    }),
  ),
  /** Ranks in each bin, [100 / RANK_BIN]; of single weights alone. */
  counts: z.array(count).optional(),
});
export type OverlapEntry = Recorded<typeof overlapEntrySchema>;

/** `results/trace-overlap.json` */
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
