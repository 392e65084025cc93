import type { Dataset } from '../data/dataset.js';
import type { Loss } from '../metrics/loss.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import type { Architecture } from '../models/architectures.js';
import type { Precision } from '../native/addon.js';
import type { Protocol } from '../protocol.js';
import type { ErmConfig } from './runConfig.js';
import { vitSettings, type VitOptions } from './vitOptions.js';
import { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe } from './ermRecipes.js';
import type { SelectedCheckpoint } from './selection.js';

/** What determines an ERM run's numbers, besides its data. Baselines take it too. */
export interface ErmSettings extends VitOptions {
  readonly arch: Architecture;
  /** A weights file to start from; without it, random weights from the seed. */
  readonly weights?: string | undefined;
  /** Whose recipe the settings below default to; default: the article's. */
  readonly protocol?: Protocol | undefined;
  /** Article: 100. */
  readonly epochs?: number | undefined;
  /** Article: 256. Evaluation uses it too. */
  readonly batchSize?: number | undefined;
  /** Article: 1e-4. */
  readonly lr?: number | undefined;
  /** What is trained on and evaluated by. Article: cross-entropy. */
  readonly loss?: Loss | undefined;
  /** The weights that the run gives. Article: those with the best validation worst-group accuracy. */
  readonly select?: SelectedCheckpoint | undefined;
  /** What the model computes in; default: fp32. */
  readonly precision?: Precision | undefined;
  /** Decay of a moving average of the weights, which is then evaluated and selected. Article: none. */
  readonly averaging?: number | undefined;
  readonly seed: number;
}

/** What ERM and the baselines that train as it does have in common. */
export type RecipeConfig = Omit<ErmConfig, 'command'>;

/**
 * The configuration of an ERM run: what was asked for, and the protocol's recipe for the rest.
 *
 * @throws what `recipeConfig` throws
 */
export async function ermConfig(settings: ErmSettings, dataset: Dataset): Promise<ErmConfig> {
  return { command: 'train erm', ...(await recipeConfig(settings, dataset)) };
}

/**
 * The same without the command.
 *
 * @throws `USAGE` for a setting of vision transformers with another architecture, `WEIGHTS_INVALID` when the weights file
 *   cannot be read
 */
export async function recipeConfig(settings: ErmSettings, dataset: Dataset): Promise<RecipeConfig> {
  const protocol = settings.protocol ?? 'article';
  const recipe: ErmRecipe = protocol === 'article' ? ARTICLE_ERM : RELEASED_ERM;
  return {
    protocol,
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    arch: settings.arch,
    ...vitSettings(settings.arch, settings),
    numClasses: dataset.numClasses,
    weights: settings.weights === undefined ? null : await weightsFingerprint(settings.weights),
    epochs: settings.epochs ?? recipe.epochs,
    batchSize: settings.batchSize ?? recipe.batchSize,
    lr: settings.lr ?? recipe.lr,
    loss: settings.loss ?? recipe.loss,
    precision: settings.precision ?? 'fp32',
    weightDecay: recipe.weightDecay,
    scheduler: { name: 'ReduceLROnPlateau', factor: recipe.factor, patience: recipe.patience },
    select: settings.select ?? recipe.select,
    ...(settings.averaging === undefined ? {} : { averaging: settings.averaging }),
    seed: settings.seed,
  };
}
