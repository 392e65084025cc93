import type { Dataset } from '../data/dataset.js';
import type { Augmentation } from '../data/preprocessing.js';
import { SpurmemError, requireCount, requirePositive } from '../errors.js';
import { architectureOf, type Architecture } from '../models/architectures.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { requireGradientSource } from '../neurons/score.js';
import type { Precision } from '../native/addon.js';
import type { Protocol } from '../protocol.js';
import type { FinetuneSettings } from './finetuneSettings.js';
import { modelOf, type FinetuneConfig, type RunConfig } from './runConfig.js';
import { ARTICLE_FINETUNE, DEFAULT_VIEW, FINETUNE_RECIPES, type FinetuneRecipe } from './finetuneRecipes.js';

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

/** Weight decay 0, ReduceLROnPlateau with factor 0.5 and patience 1, in the article and its code alike. */
const SCHEDULER = { name: 'ReduceLROnPlateau', factor: 0.5, patience: 1 } as const;

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
  const config: FinetuneConfig = {
    command: 'train finetune',
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    ...modelOf(from.config),
    weights: await weightsFingerprint(from.weights),
    kickInEpoch: choices.kickInEpoch ?? null,
    ...recipe,
    unit: recipe.unit === 'as-published' ? publishedUnit(recipe.criterion, from.config.arch) : recipe.unit,
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
function publishedUnit(criterion: FinetuneSettings['criterion'], arch: Architecture): 'neuron' | 'weight' {
  return criterion === 'magnitude' || architectureOf(arch).family === 'vit' ? 'weight' : 'neuron';
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
