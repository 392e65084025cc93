import { isSameData } from '../data/dataset.js';
import { recordedOptionsShape } from '../data/datasetOptions.js';
import { augmentationSchema } from '../data/preprocessing.js';
import { SpurmemError } from '../errors.js';
import { ARCHITECTURES } from '../models/architectures.js';
import { ENGINE_SETTINGS } from '../native/engine.js';
import { type Protocol, PROTOCOLS } from '../protocol.js';
import { RANGES } from '../settings/ranges.js';
import { optionalSchemas, whole } from '../settings/schema.js';
import { defaultsOf, defined, typesOf } from '../settings/setting.js';
import * as z from '../zod.js';
import { ERM_SETTINGS, VIT_SETTINGS } from './ermSettings.js';
import { inputRecordSchema } from './inputRecord.js';
import { inputShape } from './inputSettings.js';

/** The architecture in a run's configuration; for a program, its file's name. */
export const architectureSchema = z.union([z.enum(ARCHITECTURES), z.templateLiteral([z.string(), '.pt2'])]);

const recipe = typesOf(ERM_SETTINGS);

/** The configuration of every run, to which a training method adds its own settings. */
const runShape = {
  /** `train <method>`, or `adopt` */
  command: z.string().regex(/^(?:train [\w-]+|adopt)$/),
  protocol: z.enum(PROTOCOLS),
  dataset: z.strictObject({
    name: z.string(),
    fingerprint: z.string(),
    unnamed: z.string().optional(),
    training: z.string().optional(),
  }),
  arch: architectureSchema,
  /** SHA-256 of the program in the run's folder, if the architecture is a file of torch.export. */
  program: z.string().optional(),
  /** Instead of the dataset's preprocessing. */
  ...inputShape,
  /** For vision transformers alone, like `layerNormEps`. */
  patchSize: VIT_SETTINGS.patchSize.type.optional(),
  layerNormEps: VIT_SETTINGS.layerNormEps.type.optional(),
  numClasses: whole([2, RANGES.label[1] + 1]),
  /** The outputs of the adopted checkpoint's head that its head has; default: all. */
  classes: z.array(whole(RANGES.label)).optional(),
  /** Default: the dataset's own. */
  augmentation: augmentationSchema.optional(),
  /** SHA-256 of the initial weights file; null: random weights from the seed. */
  weights: z.string().nullable(),
  batchSize: recipe.batchSize,
  /** For evaluation, and for ERM's training. */
  loss: recipe.loss,
  precision: recipe.precision,
  select: recipe.select,
  seed: whole(RANGES.seed),
  /** Present if several processes trained it together. */
  processes: z
    .strictObject({ count: whole(RANGES.processes, 2), syncBatchNorm: z.boolean() })
    .readonly()
    .optional(),
};

/** What the configuration of every method with epochs has. */
const epochsShape = {
  epochs: recipe.epochs,
  lr: recipe.lr,
  weightDecay: recipe.weightDecay,
  scheduler: recipe.scheduler,
  /** Decay of the moving average of the weights that is evaluated and selected; default: none. */
  ema: recipe.ema.optional(),
  trackImages: recipe.trackImages.optional(),
  /** The share of every group's training images that it did not train on. */
  leaveOut: recipe.leaveOut.optional(),
};

/** Checks the configuration of every training method. */
const configSchema = z.object({ ...runShape, ...z.object(epochsShape).partial().shape });

/** Everything that determines a run's numbers: runs with equal configurations are the same. */
export type RunConfig = Readonly<z.infer<typeof configSchema>>;

/** Keeps the settings of the run's method, and adds the protocol's defaults for settings that an earlier version lacked. */
const runConfigSchema = z.preprocess((config) => {
  const given = Object(config) as { protocol?: Protocol };
  const { protocol = 'article' } = given;
  const { loss, select, precision } = ERM_SETTINGS;
  return { protocol, seed: 0, ...defaultsOf({ loss, select, precision }, protocol), ...given };
}, configSchema.loose());

/** The configuration of a run that trains in epochs. */
export type EpochsConfig = RunConfig & Readonly<z.infer<z.ZodObject<typeof epochsShape>>>;

/** Returns the name of a run's training method. */
export function methodOf({ command }: Pick<RunConfig, 'command'>): string {
  return command.replace(/^train /, '');
}

const OF_MODEL = [
  'arch',
  'program',
  'imageSize',
  'resize',
  'interpolation',
  'crop',
  'mean',
  'std',
  'patchSize',
  'layerNormEps',
  'numClasses',
] as const;

/** Returns the settings of a run's model and its input, for a run that starts from it. */
export function modelOf(config: RunConfig): Pick<RunConfig, (typeof OF_MODEL)[number]> {
  const entries = OF_MODEL.map((name) => [name, config[name]]);
  return defined(Object.fromEntries(entries) as Pick<RunConfig, (typeof OF_MODEL)[number]>);
}

/** The place and versions of a run, which may differ when it is resumed. Older files contain removed options. */
const runEnvironmentSchema = z.object({
  data: z.string(),
  dataOptions: z.object(recordedOptionsShape),
  weightsPath: z.string().nullable(),
  /** The file of torch.export that is trained. */
  archPath: z.string().optional(),
  /** The folder of the run that this one started from. */
  from: z.string().optional(),
  /** Absent in runs of earlier versions. */
  input: inputRecordSchema.optional(),
  ...optionalSchemas(ENGINE_SETTINGS),
  device: z.string(),
  threads: z.number(),
  versions: z.record(z.string(), z.string()),
});
export type RunEnvironment = z.infer<typeof runEnvironmentSchema>;

/** The version of the format of a run's folder, as its `config.json` has it. */
export const FORMAT_VERSION = 2;

/** A run's `config.json`. */
export const runFileSchema = z.strictObject({
  formatVersion: z.literal(FORMAT_VERSION),
  config: runConfigSchema,
  environment: runEnvironmentSchema,
});

export type RunFile = z.infer<typeof runFileSchema>;

/** Throws `RUN_INVALID` naming both versions if a `config.json` has another format. */
export function requireFormatVersion(path: string, file: unknown): void {
  const version = typeof file === 'object' && file !== null && 'formatVersion' in file && file.formatVersion;
  if (version === FORMAT_VERSION) return;
  const which = typeof version === 'number' ? `format version ${version}` : 'no format version';
  throw new SpurmemError(
    'RUN_INVALID',
    `${path} has ${which}, and this version of spurmem reads format version ${FORMAT_VERSION}.`,
    { advice: ['Train the run anew in another folder, or use the version of spurmem that wrote this one.'] },
  );
}

/**
 * Returns the settings that differ, as `name: old -> new`.
 *
 * @param defaults for settings that an older version's configuration lacks
 */
export function configDifferences(
  recorded: RunConfig,
  wanted: RunConfig,
  defaults: Readonly<Record<string, unknown>> = {},
): string[] {
  const missing = Object.entries(defaults).filter(([name]) => name in wanted && !(name in recorded));
  const isSame =
    isSameData(recorded.dataset, wanted.dataset) && recorded.dataset.name === wanted.dataset.name;
  const dataset = isSame ? { dataset: wanted.dataset } : {};
  const old: RunConfig = { ...recorded, ...Object.fromEntries(missing), ...dataset };
  return Object.keys({ ...old, ...wanted })
    .map((key) => [key, ...[old, wanted].map((config) => JSON.stringify(config[key as keyof RunConfig]))])
    .filter(([, before, after]) => before !== after)
    .map(([key, before = 'not given', after = 'not given']) => `${key}: ${before} -> ${after}`);
}
