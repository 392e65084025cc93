import { resolve } from 'node:path';
import type { BatchLoader } from '../data/batches.js';
import { loadDataset, requireGroups, type Dataset, type DatasetOptions } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { evaluate } from '../metrics/evaluate.js';
import type { GroupAccuracies } from '../metrics/groups.js';
import type { Model } from '../models/model.js';
import { writeSafetensors } from '../models/safetensors.js';
import { loadWeights } from '../models/weights.js';
import { native } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import type { JobOptions } from '../progress.js';
import { versions } from '../versions.js';
import { saveTraining, type TrainingProgress } from './checkpoint.js';
import type { EpochMetrics, TrainingResult } from './metrics.js';
import { finishedOrFresh, restoreProgress } from './resume.js';
import { methodOf, type RunConfig } from './runConfig.js';
import { RunFolder } from './runFolder.js';
import { createModel, openImages } from './runModel.js';
import { diverged, Trainer, type TrainingMethod } from './trainer.js';

/** What every way to train takes besides its settings. */
export interface TrainingOptions extends JobOptions {
  /** The dataset's folder. */
  readonly data: string;
  /** How to read the dataset, where its files do not say. */
  readonly datasetOptions?: DatasetOptions | undefined;
  /** The run's folder. */
  readonly out: string;
  /** `auto`, `cpu`, `cuda` or `cuda:n`. */
  readonly device: string;
  /** Threads of the compute lane; 0: all cores. */
  readonly threads: number;
  /** Continue the run in `out` from its last finished epoch. */
  readonly resume: boolean;
  /** Epochs whose weights are kept besides the selected and the last one's, for fine-tuning to start from. */
  readonly keepEpochs?: readonly number[] | undefined;
  /** Called after each epoch. */
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
}

/** What tells one way to train from another. */
export interface TrainingPlan<Config extends RunConfig> {
  readonly configOf: (dataset: Dataset) => Promise<Config>;
  /** The file with the weights to start from; undefined: random weights from the seed. */
  readonly weights: string | undefined;
  readonly method: (trainer: Trainer<Config>) => TrainingMethod | Promise<TrainingMethod>;
}

/**
 * Trains a run: epochs of a method, validation after each, ReduceLROnPlateau on the training loss, a checkpoint after each
 * epoch, and at the end the selected one evaluated once on every split. The test split is read there and nowhere else. A run
 * that stops early resumes to the same bits.
 *
 * @throws `RUN_EXISTS` when the folder holds another or a finished run, `RUN_INVALID` when a file of it is damaged or
 *   missing, `INTERRUPTED` when the signal aborts, and what loading the dataset and the weights throws
 */
export async function trainRun<Config extends RunConfig>(
  options: TrainingOptions,
  plan: TrainingPlan<Config>,
): Promise<TrainingResult> {
  const device = resolveDevice(options.device);
  const threads = await setThreads(options.threads);
  const dataset = await loadDataset(options.data, options.datasetOptions);
  requireGroups(dataset, SPLITS);
  const config = await plan.configOf(dataset);
  const folder = new RunFolder(options.out);
  await folder.create();
  return folder.locked(async () => {
    const finished = await finishedOrFresh(folder, config, options.resume);
    if (finished) return finished;
    using loader = await openImages(config, dataset, { ...options, device });
    const generator = new (native().Generator)(config.seed);
    using model = await createModel(config, loader, generator);
    if (plan.weights !== undefined) await loadWeights(model, plan.weights);
    using averaged = config.averaging === undefined ? undefined : await copyOf(model, config, loader);
    const { onProgress, signal, onWarning } = options;
    using trainer = new Trainer(config, loader, model, averaged, generator, {
      onProgress,
      signal,
      onWarning,
    });
    const method = await plan.method(trainer);
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    const progress = await restoreProgress(trainer, method, folder, onWarning);
    await folder.writeConfig(config, {
      data: dataset.folder,
      dataOptions: dataset.options,
      weightsPath: plan.weights === undefined ? null : resolve(plan.weights),
      device,
      threads,
      versions: versions(),
    });
    const trained = await trainEpochs(trainer, method, progress, folder, options);
    return await selectAndTest(trainer, folder, trained);
  });
}

/** A second model with the same weights. */
async function copyOf(model: Model, config: RunConfig, loader: BatchLoader): Promise<Model> {
  const copy = await createModel(config, loader, new (native().Generator)(config.seed));
  await copy.network.moveToward(model.network, 1);
  return copy;
}

async function trainEpochs(
  trainer: Trainer<RunConfig>,
  method: TrainingMethod,
  restored: TrainingProgress,
  folder: RunFolder,
  { keepEpochs, onEpoch }: Pick<TrainingOptions, 'keepEpochs' | 'onEpoch'>,
): Promise<TrainingProgress> {
  const { config, evaluated, scheduler, loader } = trainer;
  let progress = restored;
  // Killed after its last epoch counted, the run may have the weights of the epoch before.
  if (progress.epoch >= config.epochs) await writeSafetensors(folder.last, await evaluated.stateDict());
  while (progress.epoch < config.epochs) {
    const epoch = progress.epoch + 1;
    const start = performance.now();
    const { lr } = scheduler;
    const training = await method.trainEpoch(epoch, lr);
    const val = await evaluate(evaluated, loader, loader.dataset.splits.val, {
      ...config,
      ...trainer.job,
      task: `epoch ${epoch}/${config.epochs}, validation`,
    });
    if (!Number.isFinite(val.loss)) {
      throw diverged(`validation loss became ${val.loss} after epoch ${epoch}`, epoch);
    }
    const best = val.accuracies.worstGroupAccuracy > progress.bestWorstGroupAccuracy;
    progress = {
      epoch,
      bestEpoch: best ? epoch : progress.bestEpoch,
      bestWorstGroupAccuracy: Math.max(progress.bestWorstGroupAccuracy, val.accuracies.worstGroupAccuracy),
    };
    scheduler.step(training.trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, ...training, valLoss: val.loss, val: val.accuracies, best, seconds };
    await folder.appendMetrics(metrics);
    const weights = await evaluated.stateDict();
    if (best) await writeSafetensors(folder.best, weights);
    if (keepEpochs?.includes(epoch) === true) await writeSafetensors(folder.epoch(epoch), weights);
    // Makes the epoch count: a run killed before this line repeats the epoch.
    await saveTraining(folder.resume, trainer, method, progress);
    // After it, so that these weights tell a checkpoint that was lost from one that was never written.
    await writeSafetensors(folder.last, weights);
    onEpoch?.(metrics);
  }
  return progress;
}

/** Evaluates the selected checkpoint on every split; the test split is read here and nowhere else. */
async function selectAndTest(
  { config, evaluated, loader, job }: Trainer<RunConfig>,
  folder: RunFolder,
  progress: TrainingProgress,
): Promise<TrainingResult> {
  await loadWeights(evaluated, folder.selected(config.select));
  const accuracies: Partial<Record<(typeof SPLITS)[number], GroupAccuracies>> = {};
  for (const split of SPLITS) {
    const indices = loader.dataset.splits[split];
    const options = { ...config, ...job, task: `selected epoch, ${split}` };
    accuracies[split] = (await evaluate(evaluated, loader, indices, options)).accuracies;
  }
  const { train, val, test } = accuracies as Record<(typeof SPLITS)[number], GroupAccuracies>;
  const result: TrainingResult = {
    kind: methodOf(config),
    epochs: progress.epoch,
    bestEpoch: config.select === 'last' ? progress.epoch : progress.bestEpoch,
    select: config.select,
    train,
    val,
    test,
  };
  await folder.writeResult(result.kind, result);
  return result;
}
