import type { Batch, Batches } from '../data/batches.js';
import type { Dataset } from '../data/dataset.js';
import { lossOf } from '../metrics/loss.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import {
  defined,
  type GivenOf,
  protocolOf,
  resolveSettings,
  type SettingsTable,
  type ValuesOf,
} from '../settings/setting.js';
import { augmentationOf } from './augmentation.js';
import { ERM_SETTINGS, MODEL_SETTINGS } from './ermSettings.js';
import type { MethodOptions, TrainingMethod } from './method.js';
import type { EpochTraining, TrainedRun } from './results.js';
import type { EpochsConfig, RunConfig } from './runConfig.js';
import type { RunPlan } from './startRun.js';
import type { MethodRun, Trainer } from './trainer.js';
import { type EpochOptions, trainRun } from './trainRun.js';
import { vitSettings } from './vitOptions.js';

/** The settings of ERM and of the baselines that train from a dataset. */
export const RECIPE_SETTINGS = { ...MODEL_SETTINGS, ...ERM_SETTINGS } as const;

/** Settings that are left out are the protocol's. */
export type ErmSettings = GivenOf<typeof RECIPE_SETTINGS> & Pick<MethodOptions, 'protocol'>;

/** The options of ERM and of the baselines that train as it does. */
export type ErmOptions = EpochOptions & ErmSettings;

type RecipeConfig<Own extends SettingsTable> = EpochsConfig & ValuesOf<Own>;

/** A training method by its differences from ERM. */
interface RecipePlan<Own extends SettingsTable>
  extends Omit<TrainingMethod, 'startsFrom' | 'train'>, Pick<RunPlan<RunConfig>, 'toleratesEmptyGroups'> {
  /** Its settings beside ERM's. */
  readonly settings: Own;
  /** Checks settings beside each other and the dataset. Throws `USAGE`. */
  readonly check?: (config: RecipeConfig<Own>, dataset: Dataset) => void;
  readonly prepare: (
    trainer: Trainer<RecipeConfig<Own>>,
    options: ErmOptions & GivenOf<Own>,
  ) => MethodRun | Promise<MethodRun>;
}

export interface RecipeMethod<Own extends SettingsTable> extends TrainingMethod {
  /**
   * Throws `USAGE` for a value out of range or a setting of vision transformers with another architecture, `WEIGHTS_INVALID`
   * when the weights file cannot be read, and what `trainRun` throws.
   */
  train(options: ErmOptions & GivenOf<Own>): Promise<TrainedRun>;
}

export function recipeMethod<const Own extends SettingsTable>(plan: RecipePlan<Own>): RecipeMethod<Own> {
  const { name, settings, check, prepare } = plan;
  return {
    ...plan,
    startsFrom: 'data',
    settings: { ...RECIPE_SETTINGS, ...settings },
    train: (options) =>
      trainRun(options, {
        ...plan,
        configOf: async (dataset) => {
          const own = resolveSettings(settings, protocolOf(RECIPE_SETTINGS, options), options);
          const config = { ...(await recipeConfig(name, options, dataset)), ...own };
          check?.(config, dataset);
          return config;
        },
        outOf: (dataset) => `runs/${name}-${dataset.name}`,
        weights: options.weights,
        method: (trainer: Trainer<RecipeConfig<Own>>) => prepare(trainer, options),
      }),
  };
}

async function recipeConfig(name: string, options: ErmOptions, dataset: Dataset): Promise<EpochsConfig> {
  const protocol = protocolOf(RECIPE_SETTINGS, options);
  const resolved = resolveSettings(RECIPE_SETTINGS, protocol, options);
  const { arch, weights, imageSize, patchSize, layerNormEps, augmentation, ...recipe } = resolved;
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

/** An epoch of ERM, and of those methods that only choose its batches. */
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
