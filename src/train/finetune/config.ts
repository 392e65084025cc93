import type { Dataset } from '../../data/dataset.js';
import type { Augmentation } from '../../data/preprocessing.js';
import { usageError } from '../../errors.js';
import { architectureOf } from '../../models/architectures.js';
import { requireGradientSource } from '../../neurons/samples.js';
import {
  defined,
  type GivenOf,
  protocolOf,
  resolveSettings,
  type ValuesOf,
  without,
} from '../../settings/setting.js';
import { type AugmentationChoice, augmentationOf, PUBLISHED_AUGMENTATION } from '../augmentation.js';
import { type EpochsConfig, modelOf, type RunConfig } from '../runConfig.js';
import { preparedAs } from '../runModel.js';
import type { RunOptions } from '../runOptions.js';
import { FINETUNE_SETTINGS } from './settings.js';

/** The epoch that it starts from is known before. */
const SETTINGS = without(FINETUNE_SETTINGS, 'kickInEpoch');
type Resolved = ValuesOf<typeof SETTINGS>;

export interface FinetuneConfig
  extends EpochsConfig, Omit<Resolved, 'viewAugmentation' | keyof EpochsConfig> {
  /** null: the epoch that the run selected. */
  readonly kickInEpoch: number | null;
  /** null: none. */
  readonly viewAugmentation: Augmentation;
}

/** A fine-tuning run's own configuration, from a run of the configuration `from`. Throws `USAGE` for a value out of range. */
export function finetuneSettings(
  given: GivenOf<typeof FINETUNE_SETTINGS> & Pick<RunOptions, 'protocol'>,
  from: RunConfig,
  dataset: Dataset,
) {
  const resolved = resolveSettings(SETTINGS, protocolOf(SETTINGS, given), given, {
    isVit: architectureOf(from.arch).family === 'vit',
  });
  requireGradientSource(resolved);
  if (resolved.contrast) requireNegatives(resolved.batchSize, dataset.splits.train.length);
  return withViews(resolved, from, dataset);
}

/** Resolved settings with the precision of the run that training starts from, and the augmentation of its views. */
function withViews<Settings extends Pick<Resolved, 'precision' | 'viewAugmentation'>>(
  settings: Settings,
  from: RunConfig,
  dataset: Dataset,
) {
  const { viewAugmentation, ...others } = settings;
  return {
    ...defined(others),
    precision: settings.precision ?? from.precision,
    viewAugmentation: viewOf(preparedAs(modelOf(from), dataset), viewAugmentation),
  };
}

/** The chosen augmentation, or else the dataset's for views, that for training, or the published code's. */
function viewOf({ preprocessing }: Dataset, choice: AugmentationChoice = 'dataset'): Augmentation {
  const { viewAugmentation, augmentation, crop, resize } = preprocessing;
  const known = viewAugmentation === undefined ? augmentation : viewAugmentation;
  // The dataset asks for views without random changes by null.
  if (choice === 'dataset' && (known !== null || viewAugmentation === null)) return known;
  const view = augmentationOf(choice === 'dataset' ? PUBLISHED_AUGMENTATION : choice, known);
  const side = crop ?? (Array.isArray(resize) ? resize : null);
  if (!view?.randomResizedCrop || side === null) return view;
  return {
    ...view,
    randomResizedCrop: { ...view.randomResizedCrop, size: view.randomResizedCrop.size ?? side },
  };
}

/** Whether there is a projection head. */
export function hasHead({ contrast, features }: Pick<Resolved, 'contrast' | 'features'>): boolean {
  return contrast && features === 'projection';
}

/** NT-Xent's negatives are the other images of the batch: each batch needs two. */
function requireNegatives(batchSize: number, total: number): void {
  if (batchSize > 1 && total % batchSize !== 1) return;
  const which = batchSize === 1 ? 'every batch' : `the last batch of ${total} training images`;
  throw usageError(
    'batchSize',
    batchSize,
    'a size that leaves no batch with one image',
    `\`batchSize\` is ${batchSize}: ${which} has one image, and NT-Xent takes its negatives from the others.`,
    'Choose another `batchSize`.',
  );
}
