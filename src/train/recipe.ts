import type { Batch, Batches } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { lossOf } from '../metrics/loss.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Protocol } from '../protocol.js';
import {
  type GivenOf,
  protocolOf,
  resolveSettings,
  type SettingsTable,
  type ValuesOf,
} from '../settings/setting.js';
import { augmentationOf } from './augmentation.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from './ermSettings.js';
import type { TrainingMethod } from './method.js';
import type { EpochTraining, TrainedRun } from './results.js';
import { defined, type EpochsConfig } from './runConfig.js';
import type { MethodRun, Trainer } from './trainer.js';
import { type EpochOptions, trainRun } from './trainRun.js';
import { vitSettings } from './vitOptions.js';

/** The settings of ERM, which the baselines that train from a dataset share. */
export const RECIPE_SETTINGS = { ...MODEL_SETTINGS, ...ERM_SETTINGS } as const;

/** What ERM is given. Settings that are left out are the protocol's. */
export type ErmSettings = GivenOf<typeof RECIPE_SETTINGS> & {
  /** Default: the article's. */
  readonly protocol?: Protocol | undefined;
};

/** What ERM and the baselines that train as it does take. */
export type ErmOptions = EpochOptions & ErmSettings;

/** A run of ERM's recipe with settings of a method's own. */
type RecipeConfig<Own extends SettingsTable> = EpochsConfig & ValuesOf<Own>;

/** A training method by its differences from ERM. */
interface RecipePlan<Own extends SettingsTable> extends Omit<TrainingMethod, 'startsFrom' | 'train'> {
  /** Its own settings, which are no ERM's. */
  readonly settings: Own;
  /** Whether it uses no group labels, so that it trains where a group has no training example. */
  readonly toleratesEmptyGroups?: boolean;
  /** Checks what no single setting tells. Throws `USAGE`. */
  readonly check?: (config: RecipeConfig<Own>, dataset: Dataset) => void;
  /** What it does in a run. */
  readonly prepare: (
    trainer: Trainer<RecipeConfig<Own>>,
    options: ErmOptions & GivenOf<Own>,
  ) => MethodRun | Promise<MethodRun>;
}

/** A training method that starts from a dataset with ERM's recipe. */
export interface RecipeMethod<Own extends SettingsTable> extends TrainingMethod {
  /**
   * @throws `USAGE` for a value out of range or a setting of vision transformers with another architecture, `WEIGHTS_INVALID`
   *   when the weights file cannot be read, and what `trainRun` throws
   */
  train(options: ErmOptions & GivenOf<Own>): Promise<TrainedRun>;
}

/** Makes a training method of its differences from ERM. */
export function recipeMethod<const Own extends SettingsTable>(plan: RecipePlan<Own>): RecipeMethod<Own> {
  const { name, settings, check, prepare, toleratesEmptyGroups, isDistributed } = plan;
  return {
    ...plan,
    startsFrom: 'data',
    settings: { ...RECIPE_SETTINGS, ...settings },
    train: (options) =>
      trainRun(options, {
        configOf: async (dataset) => {
          const own = resolveSettings(settings, protocolOf(RECIPE_SETTINGS, options), options);
          const config = { ...(await recipeConfig(name, options, dataset)), ...own };
          check?.(config, dataset);
          return config;
        },
        outOf: (dataset) => `runs/${name}-${dataset.name}`,
        weights: options.weights,
        toleratesEmptyGroups,
        isDistributed,
        method: (trainer: Trainer<RecipeConfig<Own>>) => prepare(trainer, options),
      }),
  };
}

/** The configuration of a run of ERM's recipe: what was asked for, and the protocol's settings for the rest. */
async function recipeConfig(name: string, options: ErmOptions, dataset: Dataset): Promise<EpochsConfig> {
  const protocol = protocolOf(RECIPE_SETTINGS, options);
  const { arch, weights, imageSize, patchSize, layerNormEps, augmentation, ...recipe } = resolveSettings(
    RECIPE_SETTINGS,
    protocol,
    options,
  );
  return {
    command: `train ${name}`,
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    arch,
    ...vitSettings(arch, { imageSize, patchSize, layerNormEps }),
    numClasses: dataset.numClasses,
    weights: weights === undefined ? null : await weightsFingerprint(weights),
    ...defined(recipe),
    ...(augmentation === 'dataset'
      ? {}
      : { augmentation: augmentationOf(augmentation, dataset.preprocessing.augmentation) }),
    seed: options.seed ?? 0,
  };
}

/** An epoch of the mean loss of each batch: what ERM does, and those methods that only choose what it sees. */
export function ermEpoch(
  trainer: Trainer<EpochsConfig>,
  epoch: number,
  lr: number,
  batches: Batches<Batch>,
): Promise<EpochTraining> {
  const { config, model } = trainer;
  return trainer.trainBatches(epoch, lr, batches, async ({ images, labels }) => {
    const logits = await model.network.forward(images, { statistics: 'shared', grad: true });
    return { logits, loss: await lossOf(logits, labels, 'mean', config.loss) };
  });
}
