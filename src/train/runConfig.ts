import { DEVICE_CACHES, MATMUL_PRECISIONS } from '../native/engine.js';
import { z } from 'zod';
import { datasetOptionsShape } from '../data/datasetOptions.js';
import { augmentationSchema } from '../data/preprocessing.js';
import { LOSSES } from '../metrics/loss.js';
import { ARCHITECTURES } from '../models/architectures.js';
import { MEMORY_FORMATS, PRECISIONS } from '../native/addon.js';
import { PROCESS_BATCH_NORMS } from '../native/processGroup.js';
import { PROTOCOLS } from '../protocol.js';
import { CHECKPOINTS } from './ermSettings.js';

const pixels = z.number().int().min(1);

/** What every run's configuration has; a way to train adds its own settings, which only it looks at. */
const runShape = {
  /** `train <method>` */
  command: z.string().regex(/^train [\w-]+$/),
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
  /** Of training images; left out: the dataset's own. */
  augmentation: augmentationSchema.optional(),
  /** sha256 of the initial weights file; null: random weights from the seed. */
  weights: z.string().nullable(),
  batchSize: z.number().int().min(1),
  /** What evaluation measures, and ERM trains on. */
  loss: z.enum(LOSSES),
  /** What the model computes in. */
  precision: z.enum(PRECISIONS),
  select: z.enum(CHECKPOINTS),
  seed: z.number().int().min(0),
  /** Where several processes trained it together. */
  processes: z
    .strictObject({ count: z.number().int().min(2), batchNorm: z.enum(PROCESS_BATCH_NORMS) })
    .readonly()
    .optional(),
};

/** What a run of epochs has besides. */
const epochsShape = {
  epochs: z.number().int().min(1),
  lr: z.number().positive(),
  weightDecay: z.number().min(0),
  scheduler: z
    .strictObject({ name: z.literal('ReduceLROnPlateau'), factor: z.number(), patience: z.number() })
    .readonly(),
  /** Decay of the exponential moving average of the weights that is evaluated and selected; left out: none. */
  averaging: z.number().min(0).lt(1).optional(),
};
/** Checks the `config.json` of every way to train. */
const configSchema = z.object({ ...runShape, ...z.object(epochsShape).partial().shape });

/** What determines a run's numbers. Two runs with equal configurations are the same run. */
export type RunConfig = Readonly<z.infer<typeof configSchema>>;

/** Takes what it does not know as it is: the settings of the run's way to train. */
export const runConfigSchema = configSchema.loose();

/** The configuration of a run of epochs. */
export type EpochsConfig = RunConfig & Readonly<z.infer<z.ZodObject<typeof epochsShape>>>;

/** The name of the method that a run trains by, the second word of its command. */
export function methodOf({ command }: Pick<RunConfig, 'command'>): string {
  return command.slice('train '.length);
}

/** The settings of a run's model, for a run that starts from it. */
export function modelOf({
  arch,
  imageSize,
  patchSize,
  layerNormEps,
  numClasses,
}: RunConfig): Pick<RunConfig, 'arch' | 'imageSize' | 'patchSize' | 'layerNormEps' | 'numClasses'> {
  return defined({ arch, imageSize, patchSize, layerNormEps, numClasses });
}

/** An object without the entries that are undefined, as files hold it. */
export function defined<Values extends object>(values: Values): Values {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Values;
}

/** What changes numbers, if only their last bits (`numericOptions`), in a file. */
export const numericsShape = {
  memoryFormat: z.enum(MEMORY_FORMATS).optional(),
  float32MatmulPrecision: z.enum(MATMUL_PRECISIONS).optional(),
  cudnnAllowTf32: z.boolean().optional(),
  cudnnBenchmark: z.boolean().optional(),
  deterministic: z.boolean().optional(),
};

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
  ...numericsShape,
  cacheOnDevice: z.enum(DEVICE_CACHES).optional(),
  versions: z.record(z.string(), z.string()),
});
export type RunEnvironment = z.infer<typeof runEnvironmentSchema>;

/** Names the settings in which two configurations differ, as `name: old -> new`. */
export function configDifferences(old: RunConfig, wanted: RunConfig): string[] {
  return Object.keys({ ...old, ...wanted })
    .map((key) => [key, ...[old, wanted].map((config) => JSON.stringify(config[key as keyof RunConfig]))])
    .filter(([, before, after]) => before !== after)
    .map(([key, before = 'not given', after = 'not given']) => `${key}: ${before} -> ${after}`);
}
