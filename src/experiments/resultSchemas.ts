import { z } from 'zod';
import { SPLITS } from '../data/split.js';
import { LOSSES } from '../metrics/loss.js';
import { NULL_NAMES } from '../neurons/nulls.js';
import { CRITERION_NAMES } from '../neurons/criteria.js';
import { PERTURBATION_NAMES } from '../neurons/perturbations.js';
import { PROTOCOLS } from '../protocol.js';
import {
  groupAccuraciesSchema,
  intervalSchema,
  neuronSchema,
  numbers,
  real,
} from '../train/resultSchemas.js';
import type { ComparisonResult } from './comparison.js';
import type { GradCamResult } from './gradCamResult.js';
import { OUTCOMES } from './outcomes.js';
import {
  RANK_READINGS,
  type TraceOverlapResult,
  type TraceStructuredResult,
  type TraceUnstructuredResult,
} from './results.js';
import type { TraceMinimalResult } from './traceMinimalResult.js';

// What reports, tables and figures read of the files of `results/`, which anyone may have written. Keys that they do not know
// are kept, and what earlier versions left out may be missing.

const count = z.number().int().nonnegative();
const group = count.max(9_999);
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullable().optional();
const intervals = z.array(intervalSchema);
const ofOutcomes = <Schema extends z.ZodType>(schema: Schema) =>
  z.looseObject(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, schema])));

const nullDistribution = z.looseObject({
  ...{ pValue: real, mean: real, interval: intervalSchema, change: real },
  ...{ pDrop: real.optional(), draws: count.optional() },
});
const nullComparison = z.looseObject({
  groups: z.array(ofOutcomes(nullDistribution).nullable()),
  difference: ofOutcomes(nullDistribution).nullable(),
});
const setComparisons = z.partialRecord(z.enum(NULL_NAMES), nullComparison);

const cost = z.looseObject({ naiveForwards: real, runForwards: real, ratio: real });
const sessionShape = {
  checkpoint: z.string(),
  unit: z.enum(['neuron', 'weight']),
  numNeurons: count,
  protocol: z.enum(PROTOCOLS),
  loss: z.enum(LOSSES),
  magnitudeLayers: z.string(),
  gradientSource: z.looseObject({ worst: count, drawn: count, order: z.string(), seed: real }),
};
const traceShape = {
  ...sessionShape,
  split: z.enum(SPLITS),
  samples: count.optional(),
  baseline: groupAccuraciesSchema,
  cost,
  controls: z
    .looseObject({
      ...{ draws: count, exceedances: count.optional(), cost },
      nulls: z.array(z.enum(NULL_NAMES)).optional(),
    })
    .nullable(),
};
const criterion = z.enum(CRITERION_NAMES);
const picture = z.string().startsWith('data:image/');
const pictured = z.looseObject({
  ...{ example: count, filename: z.string(), group, label: count },
  image: z.looseObject({ dataUri: picture, width: count, height: count }),
});
const lost = z.looseObject({
  count,
  first: z.array(z.looseObject({ example: count, predicted: count })),
});
const neurons = z.array(neuronSchema);

/** Of `results/trace-unstructured*.json`. */
export const unstructuredSchema = z.looseObject({
  kind: z.literal('trace-unstructured'),
  ...traceShape,
  perturbation: z.enum(PERTURBATION_NAMES),
  seeds: z.array(real),
  repeats: z.partialRecord(criterion, count).optional(),
  rewound: z.looseObject({ epochs: count, epoch: count, checkpoint: z.string() }).optional(),
  pictures: z.array(pictured).optional(),
  entries: z.array(
    z.looseObject({
      ...{ criterion, group, k: count, sigma: real, neurons },
      ...{ accuracy: numbers, change: numbers, changeStd: numbers.nullable() },
      ...{ accuracyInterval: intervals, changeInterval: intervals },
      ...{ margin: numbers.optional(), marginInterval: intervals.optional() },
      ...{ loss: numbers.optional(), lossInterval: intervals.optional() },
      difference: optional(ofOutcomes(real)),
      lost: z.array(lost).optional(),
      controls: z.union([setComparisons, z.array(nullDistribution)]).nullable(),
    }),
  ),
}) as z.ZodType as z.ZodType<TraceUnstructuredResult>;

/** Of `results/trace-structured.json`. */
export const structuredSchema = z.looseObject({
  kind: z.literal('trace-structured'),
  ...traceShape,
  layers: z.array(z.string()),
  entries: z.array(
    z.looseObject({
      ...{ criterion, layer: z.string(), group, k: count, neurons },
      ...{ accuracy: real, change: real, lost: real, gained: real },
      ...{ accuracyInterval: intervalSchema, changeInterval: intervalSchema },
      ...{ margin: real.optional(), marginInterval: intervalSchema.optional() },
      ...{ loss: real.optional(), lossInterval: intervalSchema.optional() },
      controls: z.union([nullDistribution, setComparisons]).nullable(),
    }),
  ),
}) as z.ZodType as z.ZodType<TraceStructuredResult>;

/** Of `results/trace-overlap.json`. */
export const overlapSchema = z.looseObject({
  kind: z.literal('trace-overlap'),
  ...sessionShape,
  ...{ fraction: z.number(), count },
  entries: z.array(
    z.looseObject({
      reading: z.enum(RANK_READINGS).optional(),
      ...{ group, chosenBy: criterion, rankedBy: criterion },
      neurons: z.array(neuronSchema.extend({ percentile: z.number().min(0).max(100) })),
      counts: z.array(count).optional(),
    }),
  ),
}) as z.ZodType as z.ZodType<TraceOverlapResult>;

const summary = z.looseObject({
  ...{ examples: count, flipped: real, median: real, mean: real, referenceChange: real },
  interval: intervalSchema.nullable(),
});
const beforeAfter = <Schema extends z.ZodType>(schema: Schema) =>
  z.looseObject({ before: schema, after: schema });

/** Of `results/trace-minimal.json`. */
export const minimalSchema = z.looseObject({
  kind: z.literal('trace-minimal'),
  ...{ checkpoint: z.string(), numNeurons: count, examplesPerGroup: count, referenceSize: count },
  ...{ mostNeurons: count, seed: real, groups: z.array(summary) },
  comparison: z
    .looseObject({
      ...{ minority: summary, majority: summary, u: real, pValue: real },
      ...{ difference: real, probabilityFewer: real },
    })
    .nullable(),
  examples: z.array(
    z.looseObject({
      ...{ group, filename: z.string(), count, flipped: z.boolean(), neurons },
      ...{ loss: beforeAfter(real), reference: beforeAfter(z.looseObject({ accuracy: real, loss: real })) },
    }),
  ),
}) as z.ZodType as z.ZodType<TraceMinimalResult>;

const share = z.looseObject({ images: count, mean: real, interval: intervalSchema.nullable() });
const heat = z.looseObject({ blank: count, share: share.nullable() });
const mapped = z.looseObject({ run: z.string(), arch: z.string(), checkpoint: z.string() });
const exampleHeat = z.looseObject({ heat: picture, share: real });

/** Of `results/grad-cam.json`. */
export const gradCamSchema = z.looseObject({
  kind: z.literal('grad-cam'),
  ...{ split: z.enum(SPLITS), layer: z.string(), cells: z.tuple([count, count]) },
  ...{ output: count, outputName: z.string(), samplesPerGroup: count, seed: real },
  coreRegion: z.union([z.string(), z.array(z.number()).length(4)]).nullable(),
  ...{ before: mapped.nullable(), after: mapped },
  groups: z.array(
    z.looseObject({
      ...{ group, images: count, core: optional(real) },
      ...{ before: heat.nullable(), after: heat, difference: share.nullable() },
    }),
  ),
  examples: z.array(
    z.looseObject({
      ...{ group, filename: z.string(), image: picture },
      ...{ before: exampleHeat.nullable(), after: exampleHeat },
    }),
  ),
}) as z.ZodType as z.ZodType<GradCamResult>;

/** Of `results/comparison.json`. */
export const comparisonSchema = z.looseObject({
  kind: z.literal('comparison'),
  runs: z
    .array(
      z.looseObject({
        ...{ title: z.string(), run: z.string(), epochs: count, shows: z.string() },
        ...{ val: groupAccuraciesSchema, test: groupAccuraciesSchema },
      }),
    )
    .min(1),
}) as z.ZodType as z.ZodType<ComparisonResult>;
