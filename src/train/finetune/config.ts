import type { Dataset } from '../../data/dataset.js';
import type { Augmentation } from '../../data/preprocessing.js';
import { SpurmemError } from '../../errors.js';
import { architectureOf } from '../../models/architectures.js';
import { weightsFingerprint } from '../../models/fingerprint.js';
import { requireGradientSource } from '../../neurons/score.js';
import type { Protocol } from '../../protocol.js';
import { resolveSettings, without, type GivenOf, type ValuesOf } from '../../settings/setting.js';
import { defined, modelOf, type EpochsConfig, type RunConfig } from '../runConfig.js';
import { preparedAs } from '../runModel.js';
import { augmentationOf, PUBLISHED_AUGMENTATION, type AugmentationChoice } from '../augmentation.js';
import { FINETUNE_SETTINGS } from './settings.js';

/** Which epoch it starts from is known before: it tells the weights. */
const SETTINGS = without(FINETUNE_SETTINGS, 'kickInEpoch');
type Resolved = ValuesOf<typeof SETTINGS>;

/** Settings that are left out at their defaults, as runs from before they were there have them. */
type Later = 'headWarmup' | 'stopGradient';

/** The configuration of a fine-tuning run. */
export interface FinetuneConfig
  extends EpochsConfig, Omit<Resolved, 'viewAugmentation' | Later | keyof EpochsConfig> {
  /** The epoch of the run that fine-tuning starts from; null: the one that the run selected. */
  readonly kickInEpoch: number | null;
  /** Of each view; null: none. */
  readonly viewAugmentation: Augmentation;
  /** Left out: 0. */
  readonly headWarmup?: Resolved['headWarmup'] | undefined;
  /** Left out: none. */
  readonly stopGradient?: Resolved['stopGradient'] | undefined;
}

/**
 * The configuration of a fine-tuning run: what was asked for, and the protocol's settings for the rest.
 *
 * @param from the run that it starts from, after which of its epochs, and the weights there
 * @throws `USAGE` for a value out of range
 */
export async function finetuneConfig(
  given: GivenOf<typeof FINETUNE_SETTINGS> & {
    readonly protocol?: Protocol | undefined;
    readonly seed?: number | undefined;
  },
  from: { readonly config: RunConfig; readonly kickIn: number | 'selected'; readonly weights: string },
  dataset: Dataset,
): Promise<FinetuneConfig> {
  const protocol = given.protocol ?? 'article';
  const resolved = resolveSettings(SETTINGS, protocol, given, {
    isVit: architectureOf(from.config.arch).family === 'vit',
  });
  const { viewAugmentation = 'dataset', headWarmup, stopGradient, ...settings } = resolved;
  requireGradientSource({ worst: settings.gradientWorst, drawn: settings.gradientDrawn });
  if (headWarmup > 0) requireHead(resolved);
  if (settings.contrast) requireNegatives(settings.batchSize, dataset.splits.train.length);
  return {
    command: 'train finetune',
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    ...modelOf(from.config),
    weights: await weightsFingerprint(from.weights),
    kickInEpoch: from.kickIn === 'selected' ? null : from.kickIn,
    ...defined(settings),
    ...(headWarmup === 0 ? {} : { headWarmup }),
    ...(stopGradient === 'none' ? {} : { stopGradient }),
    precision: given.precision ?? from.config.precision,
    viewAugmentation: viewOf(preparedAs({ imageSize: from.config.imageSize }, dataset), viewAugmentation),
    seed: given.seed ?? 0,
  };
}

/** The dataset's augmentation of views, or of training, or the published code's; or what was chosen. */
export function viewOf({ preprocessing }: Dataset, choice: AugmentationChoice): Augmentation {
  const { viewAugmentation, augmentation, crop, resize } = preprocessing;
  const known = viewAugmentation === undefined ? augmentation : viewAugmentation;
  if (choice === 'dataset' && known !== null) return known;
  const view = augmentationOf(choice === 'dataset' ? PUBLISHED_AUGMENTATION : choice, known);
  const side = crop ?? (typeof resize === 'number' ? ([resize, resize] as [number, number]) : resize);
  if (!view?.randomResizedCrop || side === null) return view;
  return {
    ...view,
    randomResizedCrop: { ...view.randomResizedCrop, size: view.randomResizedCrop.size ?? side },
  };
}

/** Whether there is a projection head: it stands between the features and the contrast. */
export function hasHead({ contrast, features }: Pick<Resolved, 'contrast' | 'features'>): boolean {
  return contrast && features === 'projection';
}

function requireHead(settings: Pick<Resolved, 'contrast' | 'features' | 'headWarmup'>): void {
  if (hasHead(settings)) return;
  const [name, value] = settings.contrast ? ['features', settings.features] : ['contrast', 'no'];
  throw new SpurmemError(
    'USAGE',
    `\`headWarmup\` is ${settings.headWarmup}, and with \`${name}\` ${value} there is no projection head to train.`,
    {
      ...{ parameter: 'headWarmup', value: settings.headWarmup, expected: '0 here' },
      advice: [`Leave \`headWarmup\` out, or choose another \`${name}\`.`],
    },
  );
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
