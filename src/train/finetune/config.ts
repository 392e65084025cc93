import type { Dataset } from '../../data/dataset.js';
import type { Augmentation } from '../../data/preprocessing.js';
import { SpurmemError } from '../../errors.js';
import { architectureOf } from '../../models/architectures.js';
import { weightsFingerprint } from '../../models/fingerprint.js';
import { requireGradientSource } from '../../neurons/score.js';
import type { Protocol } from '../../protocol.js';
import { resolveSettings, type GivenOf, type ValuesOf } from '../../settings/setting.js';
import { defined, modelOf, type EpochsConfig, type RunConfig } from '../runConfig.js';
import { DEFAULT_VIEW, FINETUNE_SETTINGS, type ViewChoice } from './settings.js';

type Resolved = ValuesOf<typeof FINETUNE_SETTINGS>;

/** The configuration of a fine-tuning run. */
export interface FinetuneConfig
  extends EpochsConfig, Omit<Resolved, 'kickInEpoch' | 'viewAugmentation' | keyof EpochsConfig> {
  /** The ERM epoch that fine-tuning starts from; null: the one that the ERM run selected. */
  readonly kickInEpoch: number | null;
  /** Of each view; null: none. */
  readonly viewAugmentation: Augmentation;
}

/**
 * The configuration of a fine-tuning run: what was asked for, and the protocol's settings for the rest.
 *
 * @param from the configuration of the run that it starts from, and the weights there
 * @throws `USAGE` for a value out of range
 */
export async function finetuneConfig(
  given: GivenOf<typeof FINETUNE_SETTINGS> & {
    readonly protocol?: Protocol | undefined;
    readonly seed?: number | undefined;
  },
  from: { readonly config: RunConfig; readonly weights: string },
  dataset: Dataset,
): Promise<FinetuneConfig> {
  const protocol = given.protocol ?? 'article';
  const isVit = architectureOf(from.config.arch).family === 'vit';
  const { kickInEpoch, viewAugmentation, ...settings } = resolveSettings(FINETUNE_SETTINGS, protocol, given, {
    isVit,
  });
  requireGradientSource({ worst: settings.gradientWorst, drawn: settings.gradientDrawn });
  if (settings.contrast) requireNegatives(settings.batchSize, dataset.splits.train.length);
  return {
    command: 'train finetune',
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    ...modelOf(from.config),
    weights: await weightsFingerprint(from.weights),
    kickInEpoch: kickInEpoch ?? null,
    ...defined(settings),
    precision: given.precision ?? from.config.precision,
    viewAugmentation: viewAugmentation === null ? null : viewOf(dataset, viewAugmentation),
    seed: given.seed ?? 0,
  };
}

/** The dataset's augmentation of views, or of training, or the default; with another scale where one is chosen. */
export function viewOf({ preprocessing }: Dataset, choice: ViewChoice | undefined): Augmentation {
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

/** NT-Xent's negatives are the other images of the batch: each batch needs two. */
export function requireNegatives(batchSize: number, total: number): void {
  if (batchSize > 1 && total % batchSize !== 1) return;
  const which = batchSize === 1 ? 'every batch' : `the last batch of ${total} training images`;
  throw new SpurmemError(
    'USAGE',
    `\`batchSize\` is ${batchSize}: ${which} has one image, and NT-Xent takes its negatives from the others.`,
    {
      ...{ parameter: 'batchSize', value: batchSize, expected: 'a size that leaves no batch with one image' },
      advice: ['Choose another `batchSize`.'],
    },
  );
}
