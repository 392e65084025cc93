import { z } from 'zod';
import { dataDescriptionSchema } from '../data/dataDescription.js';
import { datasetConfigSchema } from '../data/datasetConfig.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import { CHECKPOINTS } from './ermSettings.js';
import type { EpochMetrics, TrainingResult } from './results.js';
import { runConfigSchema, runEnvironmentSchema } from './runConfig.js';

/** NaN is null in files. */
const share = z.number().min(0).max(1);
const count = z.number().int().min(0);
const interval = z.tuple([share.nullable(), share.nullable()]);

const accuracies = z
  .object({
    correct: z.array(count).describe('correct examples of each group, group = y * numSpurious + a'),
    total: z.array(count).describe('examples of each group'),
    accuracy: z.array(share.nullable()).describe('correct / total; null of no examples'),
    interval: z.array(interval).describe('95 % score interval of each accuracy'),
    worstGroup: count,
    worstGroupAccuracy: share,
    average: share.describe('every example counts the same'),
    trainWeightedAverage: share
      .nullable()
      .describe('groups weighted by their shares of the training split; null where one has no examples'),
  } satisfies Record<keyof GroupAccuracies, z.ZodType>)
  .describe('accuracy of each group on one split');

const trainingResult = z.looseObject({
  kind: z.string().describe('the way to train, which names the file'),
  epochs: count.describe('0 where training has none'),
  bestEpoch: count.describe('the selected epoch, counted from 1'),
  select: z.enum(CHECKPOINTS).optional(),
  train: accuracies,
  val: accuracies,
  test: accuracies,
} satisfies Record<keyof TrainingResult, z.ZodType>);

const epoch = z.object({
  epoch: z.number().int().min(1),
  lr: z.number().positive(),
  trainLoss: z.number(),
  train: accuracies.describe('of the batches as they were trained on'),
  lossTerms: z.record(z.string(), z.number()).optional(),
  mask: z
    .object({
      count,
      neurons: z.array(z.looseObject({ layer: z.string(), index: count })),
    })
    .optional()
    .describe('the neurons that the auxiliary model lacked: how many, and the first ones'),
  groupWeights: z.array(share).optional().describe('of GroupDRO'),
  valLoss: z.number(),
  val: accuracies,
  best: z.boolean(),
  seconds: z.number(),
} satisfies Record<keyof EpochMetrics, z.ZodType>);

/** The files of a run that training writes, and a dataset's own, by the names of their schemas in docs/schemas. */
export const FILE_SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> =
  {
    dataset: { title: 'dataset.json, in a dataset\u2019s folder', schema: datasetConfigSchema },
    config: {
      title: 'config.json, of a run',
      schema: z.strictObject({ config: runConfigSchema, environment: runEnvironmentSchema }),
    },
    data: { title: 'data.json, of a run', schema: dataDescriptionSchema },
    epoch: { title: 'a line of metrics.jsonl, of a run', schema: epoch },
    training: { title: 'results/METHOD.json, of a run', schema: trainingResult },
  };

/** The JSON Schema of such a file. */
export function jsonSchemaOf(name: string): object {
  const entry = FILE_SCHEMAS[name];
  if (!entry) throw new RangeError(`There is no file schema named ${name}`);
  return { ...z.toJSONSchema(entry.schema, { io: 'input', unrepresentable: 'any' }), title: entry.title };
}
