import { join } from 'node:path';
import type { Dataset } from '../data/dataset.js';
import { SpurmemError, requireCount } from '../errors.js';
import { evaluate } from '../metrics/evaluate.js';
import { loadWeights } from '../models/weights.js';
import { native } from '../native/addon.js';
import { DEFAULT_JTT } from './baselineSettings.js';
import { recipeConfig } from './ermConfig.js';
import { trainErm, type ErmOptions } from './erm.js';
import { ermEpoch } from './ermEpoch.js';
import { indicesIn, indicesOut } from './methodState.js';
import type { EpochMetrics, TrainingResult } from './metrics.js';
import type { JttConfig } from './runConfig.js';
import { RunFolder } from './runFolder.js';
import { createModel } from './runModel.js';
import type { Trainer, TrainingMethod } from './trainer.js';
import { trainRun } from './trainRun.js';

export interface JttOptions extends ErmOptions {
  /** T, the epochs of the identification model; default: 60. */
  readonly identificationEpochs?: number | undefined;
  /** lambda_up, how many times an epoch shows an image of the error set; default: 100. */
  readonly upweight?: number | undefined;
  /** Called after each epoch of the identification model. */
  readonly onIdentificationEpoch?: ((metrics: EpochMetrics) => void) | undefined;
}

/** The folder of the identification model's run, in that of the run. */
const IDENTIFICATION = 'identification';

/**
 * JTT (Liu et al. 2021, Algorithm 1): an identification model is trained by ERM for T epochs, in a run of its own in
 * `identification/` with a result of its own; the error set is the training examples that its last epoch's weights get wrong in evaluation mode; the
 * final model is then trained from the initial weights on the training split with each example of the error set lambda_up times
 * in all, shuffled. The published code adds lambda_up copies to the one that is there; this follows the paper.
 *
 * @throws `USAGE` for a value out of range, or when the error set is empty, and what `trainRun`, `trainErm` and `recipeConfig`
 *   throw
 */
export async function trainJtt(options: JttOptions): Promise<TrainingResult> {
  return trainRun(options, {
    configOf: (dataset) => jttConfig(options, dataset),
    weights: options.weights,
    method: (trainer) => jtt(trainer, options),
  });
}

async function jttConfig(options: JttOptions, dataset: Dataset): Promise<JttConfig> {
  const config: JttConfig = {
    command: 'train jtt',
    ...(await recipeConfig(options, dataset)),
    identificationEpochs: options.identificationEpochs ?? DEFAULT_JTT.identificationEpochs,
    upweight: options.upweight ?? DEFAULT_JTT.upweight,
  };
  requireCount('--identification-epochs', config.identificationEpochs);
  requireCount('--upweight', config.upweight);
  return config;
}

function jtt(trainer: Trainer<JttConfig>, options: JttOptions): TrainingMethod {
  const { config, loader, generator } = trainer;
  const { train } = loader.dataset.splits;
  let errorSet: Int32Array = new Int32Array();
  return {
    async begin() {
      errorSet = await identifyErrors(trainer, options);
    },
    trainEpoch(epoch, lr) {
      const copies = Array.from({ length: config.upweight - 1 }, () => [...errorSet]);
      const upsampled = Int32Array.from([...train, ...copies.flat()]);
      const batches = loader.training(upsampled, config.batchSize, generator);
      return ermEpoch(trainer, epoch, lr, batches, upsampled.length);
    },
    stateDict: () => Promise.resolve({ errorSet: indicesOut(errorSet) }),
    loadStateDict(state) {
      errorSet = indicesIn('errorSet', state, train);
      return Promise.resolve();
    },
  };
}

/** Trains the identification model, or goes on with it; the training examples that it gets wrong. */
async function identifyErrors(
  { config, loader, job }: Trainer<JttConfig>,
  options: JttOptions,
): Promise<Int32Array> {
  const { path, last } = new RunFolder(join(options.out, IDENTIFICATION));
  await trainErm({
    ...options,
    out: path,
    epochs: config.identificationEpochs,
    select: 'last',
    keepEpochs: undefined,
    onEpoch: options.onIdentificationEpoch,
  });
  using model = await createModel(config, loader, new (native().Generator)(config.seed));
  await loadWeights(model, last);
  const { labels, splits } = loader.dataset;
  const { predictions } = await evaluate(model, loader, splits.train, {
    ...config,
    ...job,
    task: 'error set',
  });
  const errors = splits.train.filter((index, i) => predictions[i] !== labels[index]);
  if (errors.length > 0) return errors;
  throw new SpurmemError(
    'USAGE',
    `--identification-epochs is ${config.identificationEpochs}, after which the identification model in ${path} gets every training image right: ` +
      'there are no errors to train on more often. Choose fewer --identification-epochs, with another --out.',
  );
}
