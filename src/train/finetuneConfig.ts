import type { Dataset } from '../data/dataset.js';
import type { Augmentation } from '../data/preprocessing.js';
import { SpurmemError, requireCount, requirePositive } from '../errors.js';
import type { Loss } from '../metrics/loss.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { requireGradientSource } from '../neurons/score.js';
import type { Precision } from '../native/addon.js';
import type { Protocol } from '../protocol.js';
import type { FinetuneSettings } from './finetuneSettings.js';
import type { FinetuneConfig, RunConfig, SelectedCheckpoint } from './runConfig.js';
import { isVit } from './vitOptions.js';

/** What determines a fine-tuning's numbers, besides the run that it starts from; what is left out is the protocol's. */
export type FinetuneChoices = {
  readonly [Name in keyof FinetuneRecipe]?: FinetuneRecipe[Name] | undefined;
} & {
  readonly protocol?: Protocol | undefined;
  /** The ERM epoch to start from, which the ERM run must have kept (`--keep-epochs`); default: its selected one. */
  readonly kickInEpoch?: number | undefined;
  readonly averaging?: number | undefined;
  /** Default: that of the run that it starts from. */
  readonly precision?: Precision | undefined;
  /** Of each view; null: none; default: the dataset's. */
  readonly viewAugmentation?: ViewChoice | null | undefined;
  readonly seed: number;
};

/** Random crops that cover these shares of an image, and the probability of a flip. */
export interface ViewChoice {
  readonly scale: readonly [least: number, most: number];
  readonly horizontalFlip: number;
}

export interface FinetuneRecipe extends Omit<FinetuneSettings, 'kickInEpoch' | 'unit' | 'viewAugmentation'> {
  readonly epochs: number;
  readonly batchSize: number;
  readonly lr: number;
  readonly loss: Loss;
  readonly select: SelectedCheckpoint;
  readonly unit: 'neuron' | 'weight' | 'as-published';
}

/**
 * The article's recipe (Methods, and "Spurious memorization by critical neurons"). It names neither batch size, temperature
 * nor lambda: the first two are the published code's, lambda was chosen on dominoes' validation split (docs/findings.md).
 */
export const ARTICLE_FINETUNE = {
  epochs: 20,
  batchSize: 100,
  lr: 2e-4,
  loss: 'cross-entropy',
  select: 'best-worst-group',
  criterion: 'gradient',
  fraction: 0.0001,
  unit: 'neuron',
  gradientSource: 'pseudo-labels',
  gradientWorst: 256,
  gradientDrawn: 128,
  gradientOrder: 'highest-loss',
  staleGradient: false,
  magnitudeLayers: 'all',
  magnitudeOrder: 'largest',
  contrast: true,
  temperature: 0.5,
  lambda: 10,
  supervised: 'mse',
  supervisedReduction: 'mean',
  supervisedForward: 'shared',
  features: 'projection',
  views: 'two',
  statistics: 'shared',
} as const satisfies FinetuneRecipe;

/** That of the published code (docs/protocols.md). */
export const RELEASED_FINETUNE = {
  ...ARTICLE_FINETUNE,
  epochs: 21,
  loss: 'double-softmax',
  select: 'last',
  fraction: 0.01,
  unit: 'as-published',
  gradientSource: 'true-labels',
  gradientWorst: 200,
  gradientDrawn: 200,
  gradientOrder: 'lowest-loss',
  staleGradient: true,
  magnitudeLayers: 'no-downsample',
  magnitudeOrder: 'smallest',
  lambda: 0.2,
  supervised: 'cross-entropy',
  supervisedForward: 'own',
  features: 'softmax',
  views: 'one',
} as const satisfies FinetuneRecipe;

export const FINETUNE_RECIPES: Readonly<Record<Protocol, FinetuneRecipe>> = {
  article: ARTICLE_FINETUNE,
  released: RELEASED_FINETUNE,
};

/** Weight decay 0, ReduceLROnPlateau with factor 0.5 and patience 1, in the article and its code alike. */
const SCHEDULER = { name: 'ReduceLROnPlateau', factor: 0.5, patience: 1 } as const;

/** The published code's augmentation: RandomResizedCrop of 0.7 to 1 and a flip. The article names SimCLR's. */
export const DEFAULT_VIEW = { scale: [0.7, 1], ratio: [3 / 4, 4 / 3], horizontalFlip: 0.5 } as const;

/**
 * The configuration of a fine-tuning run: what was asked for, and the protocol's recipe for the rest.
 *
 * @param from the configuration of the run that it starts from, and the weights there
 * @throws `USAGE` for a value out of range
 */
export async function finetuneConfig(
  choices: FinetuneChoices,
  from: { readonly config: RunConfig; readonly weights: string },
  dataset: Dataset,
): Promise<FinetuneConfig> {
  const protocol = choices.protocol ?? 'article';
  const given = Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined));
  const recipe: FinetuneRecipe = { ...FINETUNE_RECIPES[protocol], ...pick(given, ARTICLE_FINETUNE) };
  const { arch, imageSize, patchSize, layerNormEps, numClasses } = from.config;
  const config: FinetuneConfig = {
    command: 'train finetune',
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    arch,
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(patchSize === undefined ? {} : { patchSize }),
    ...(layerNormEps === undefined ? {} : { layerNormEps }),
    numClasses,
    weights: await weightsFingerprint(from.weights),
    kickInEpoch: choices.kickInEpoch ?? null,
    ...recipe,
    unit: recipe.unit === 'as-published' ? publishedUnit(recipe.criterion, arch) : recipe.unit,
    precision: choices.precision ?? from.config.precision,
    weightDecay: 0,
    scheduler: SCHEDULER,
    ...(choices.averaging === undefined ? {} : { averaging: choices.averaging }),
    viewAugmentation: choices.viewAugmentation === null ? null : viewOf(dataset, choices.viewAugmentation),
    seed: choices.seed,
  };
  requireInRange(config, dataset);
  return config;
}

/** Single weights by magnitude and of vision transformers, channels else. */
function publishedUnit(criterion: FinetuneSettings['criterion'], arch: string): 'neuron' | 'weight' {
  return criterion === 'magnitude' || isVit(arch) ? 'weight' : 'neuron';
}

/** The dataset's augmentation of views, or of training, or the default; with another scale where one is chosen. */
function viewOf({ preprocessing }: Dataset, choice: ViewChoice | undefined): Augmentation {
  const { viewAugmentation, augmentation, crop, resize } = preprocessing;
  const known = viewAugmentation === undefined ? augmentation : viewAugmentation;
  if (choice === undefined && known !== null) return known;
  const side: readonly [number, number] | null =
    crop ?? (typeof resize === 'number' ? [resize, resize] : resize);
  const size = known?.randomResizedCrop?.size ?? side;
  const { scale, horizontalFlip } = choice ?? DEFAULT_VIEW;
  const ratio = known?.randomResizedCrop?.ratio ?? DEFAULT_VIEW.ratio;
  return {
    randomResizedCrop: size && {
      size: [size[0], size[1]],
      scale: [...scale],
      ratio: [ratio[0], ratio[1]],
    },
    horizontalFlip,
  };
}

function requireInRange(config: FinetuneConfig, dataset: Dataset): void {
  requirePositive('--lambda', config.lambda);
  requirePositive('--temperature', config.temperature);
  requirePositive('--lr', config.lr);
  requireCount('--epochs', config.epochs);
  requireCount('--batch-size', config.batchSize);
  requireGradientSource({ worst: config.gradientWorst, drawn: config.gradientDrawn });
  if (!(config.fraction > 0 && config.fraction < 1)) {
    throw new SpurmemError(
      'USAGE',
      `--fraction is ${config.fraction}: it takes a share above 0 and below 1, such as 0.0001 for 0.01 %.`,
    );
  }
  if (config.averaging !== undefined && !(config.averaging > 0 && config.averaging < 1)) {
    throw new SpurmemError(
      'USAGE',
      `--averaging is ${config.averaging}: it takes a decay above 0 and below 1, such as 0.99.`,
    );
  }
  if (config.contrast) requireNegatives(config.batchSize, dataset.splits.train.length);
}

/** NT-Xent's negatives are the other images of the batch: each batch needs two. */
function requireNegatives(batchSize: number, total: number): void {
  if (batchSize > 1 && total % batchSize !== 1) return;
  const which = batchSize === 1 ? 'every batch' : `the last batch of ${total} training images`;
  throw new SpurmemError(
    'USAGE',
    `--batch-size is ${batchSize}: ${which} has one image, and NT-Xent takes its negatives from the others. ` +
      'Choose another --batch-size.',
  );
}

/** The entries of `values` whose names `like` has. */
function pick<Like extends object>(values: Readonly<Record<string, unknown>>, like: Like): Partial<Like> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in like)) as Partial<Like>;
}
