import { z } from 'zod';
import { datasetOptionsShape } from '../data/datasetOptions.js';
import { LOSSES } from '../metrics/loss.js';
import { ARCHITECTURES, architectureOf, isArchitecture } from '../models/architectures.js';
import { MEMORY_FORMATS, PRECISIONS } from '../native/addon.js';
import { PROTOCOLS } from '../protocol.js';
import { dfrShape, groupDroShape, jttShape } from './baselineShapes.js';
import { finetuneShape } from './finetuneSettings.js';
import { CHECKPOINTS } from './selection.js';

const pixels = z.number().int().min(1);

/** How a run trains, the second word of its command. */
export const TRAINING_METHODS = [
  'erm',
  'finetune',
  'groupdro',
  'rwy',
  'rwg',
  'suby',
  'subg',
  'jtt',
  'dfr',
] as const;
export type TrainingMethodName = (typeof TRAINING_METHODS)[number];

/** What every run has. */
const runShape = {
  /** Whose settings were the defaults. */
  protocol: z.enum(PROTOCOLS),
  dataset: z.strictObject({ name: z.string(), fingerprint: z.string() }),
  arch: z.enum(ARCHITECTURES),
  /** Of vision transformers: the size that images are resized to, where one was asked for. */
  imageSize: z.tuple([pixels, pixels]).optional(),
  /** Of vision transformers, as the next one. */
  patchSize: pixels.optional(),
  layerNormEps: z.number().positive().optional(),
  numClasses: z.number().int().min(2),
  /** sha256 of the initial weights file; null: random weights from the seed. */
  weights: z.string().nullable(),
  batchSize: z.number().int().min(1),
  /** What evaluation measures, and ERM trains on. */
  loss: z.enum(LOSSES),
  /** What the model computes in. */
  precision: z.enum(PRECISIONS),
  select: z.enum(CHECKPOINTS),
  seed: z.number().int().min(0),
};

/** What a run of epochs has besides. */
const epochsShape = {
  ...runShape,
  epochs: z.number().int().min(1),
  lr: z.number().positive(),
  weightDecay: z.number().min(0),
  scheduler: z.strictObject({
    name: z.literal('ReduceLROnPlateau'),
    factor: z.number(),
    patience: z.number(),
  }),
  /** Decay of the exponential moving average of the weights that is evaluated and selected; left out: none. */
  averaging: z.number().min(0).lt(1).optional(),
};

const ermSchema = z.strictObject({ command: z.literal('train erm'), ...epochsShape });
const finetuneSchema = z.strictObject({
  command: z.literal('train finetune'),
  ...epochsShape,
  ...finetuneShape,
});
const groupDroSchema = z.strictObject({
  command: z.literal('train groupdro'),
  ...epochsShape,
  ...groupDroShape,
});
const reweightedSchema = z.strictObject({
  command: z.enum(['train rwy', 'train rwg']),
  ...epochsShape,
});
const subsampledSchema = z.strictObject({
  command: z.enum(['train suby', 'train subg']),
  ...epochsShape,
});
const jttSchema = z.strictObject({ command: z.literal('train jtt'), ...epochsShape, ...jttShape });
const dfrSchema = z.strictObject({ command: z.literal('train dfr'), ...runShape, ...dfrShape });

/** What determines a run's numbers. Two runs with equal configurations are the same run. */
export const runConfigSchema = z.preprocess(
  withLaterSettings,
  z.discriminatedUnion('command', [
    ermSchema,
    finetuneSchema,
    groupDroSchema,
    reweightedSchema,
    subsampledSchema,
    jttSchema,
    dfrSchema,
  ]),
);
export type ErmConfig = z.infer<typeof ermSchema>;
export type FinetuneConfig = z.infer<typeof finetuneSchema>;
export type GroupDroConfig = z.infer<typeof groupDroSchema>;
export type ReweightedConfig = z.infer<typeof reweightedSchema>;
export type SubsampledConfig = z.infer<typeof subsampledSchema>;
export type JttConfig = z.infer<typeof jttSchema>;
export type DfrConfig = z.infer<typeof dfrSchema>;
/** The configuration of a run of epochs. */
export type EpochsConfig =
  ErmConfig | FinetuneConfig | GroupDroConfig | ReweightedConfig | SubsampledConfig | JttConfig;
export type RunConfig = EpochsConfig | DfrConfig;

/** The second word of a run's command. */
export function methodOf({ command }: Pick<RunConfig, 'command'>): TrainingMethodName {
  return command.slice('train '.length) as TrainingMethodName;
}

/** The epochs that a run is to have; 0 for one that has none. */
export function epochsOf(config: RunConfig): number {
  return 'epochs' in config ? config.epochs : 0;
}

/** The settings of a run's model, for a run that starts from it. */
export function modelOf({
  arch,
  imageSize,
  patchSize,
  layerNormEps,
  numClasses,
}: RunConfig): Pick<RunConfig, 'arch' | 'imageSize' | 'patchSize' | 'layerNormEps' | 'numClasses'> {
  return {
    arch,
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(patchSize === undefined ? {} : { patchSize }),
    ...(layerNormEps === undefined ? {} : { layerNormEps }),
    numClasses,
  };
}

/** Where and with what a run was made; it may differ when a run is resumed. */
export const runEnvironmentSchema = z.strictObject({
  data: z.string(),
  /** How the data folder was read. */
  dataOptions: z.strictObject(datasetOptionsShape).optional(),
  weightsPath: z.string().nullable(),
  /** The folder of the run that this one started from, where it did. */
  from: z.string().optional(),
  device: z.string(),
  threads: z.number(),
  memoryFormat: z.enum(MEMORY_FORMATS).optional(),
  versions: z.record(z.string(), z.string()),
});
export type RunEnvironment = z.infer<typeof runEnvironmentSchema>;

/** Files from before runs could choose lack this. The oldest ones have the sentence `selection`. */
function withLaterSettings(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  const value = { precision: 'fp32', ...given };
  if (!('selection' in value)) return value;
  const { selection: _sentence, ...config } = value;
  const { imageSize: _size, ...options } =
    'arch' in config && isArchitecture(config.arch) ? architectureOf(config.arch).options : {};
  return { protocol: 'article', loss: 'cross-entropy', select: 'best-worst-group', ...options, ...config };
}

/** Names the settings in which two configurations differ, as `name: old -> new`. */
export function configDifferences(old: RunConfig, wanted: RunConfig): string[] {
  return Object.keys({ ...old, ...wanted })
    .map((key) => [key, ...[old, wanted].map((config) => JSON.stringify(config[key as keyof RunConfig]))])
    .filter(([, before, after]) => before !== after)
    .map(([key, before = 'not given', after = 'not given']) => `${key}: ${before} -> ${after}`);
}
