import { resolve } from 'node:path';
import type { BatchLoader } from '../data/batches.js';
import { groupCounts, loadDataset, requireGroups, type DatasetOptions } from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { countCorrect, evaluate } from '../metrics/evaluate.js';
import { GroupCounter, type GroupAccuracies } from '../metrics/groups.js';
import { lossOf } from '../metrics/loss.js';
import type { Model } from '../models/model.js';
import { writeSafetensors } from '../models/safetensors.js';
import { loadWeights } from '../models/weights.js';
import { native, type Generator } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { versions } from '../versions.js';
import { Adam } from './adam.js';
import { saveTraining, type TrainingProgress, type TrainingState } from './checkpoint.js';
import { ermConfig, type ErmSettings } from './ermConfig.js';
import type { EpochMetrics, ErmResult } from './metrics.js';
import { finishedOrFresh, restoreProgress } from './resume.js';
import type { RunConfig } from './runConfig.js';
import { RunFolder } from './runFolder.js';
import { createModel, openImages } from './runModel.js';
import { ReduceLROnPlateau } from './scheduler.js';

export { ARTICLE_ERM, RELEASED_ERM, type ErmRecipe, type ErmSettings } from './ermConfig.js';

export interface ErmOptions extends JobOptions, ErmSettings {
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
  /** Called after each epoch. */
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
}

/**
 * Empirical risk minimization (article, Methods): cross-entropy, Adam without weight decay, ReduceLROnPlateau on the
 * training loss, and the checkpoint with the best validation worst-group accuracy, which is evaluated once on every split
 * at the end. The protocol and the settings change that. A run that stops early resumes to the same bits.
 *
 * @throws `RUN_EXISTS` when the folder holds another or a finished run, `RUN_INVALID` when a file of it is damaged or
 *   missing, `INTERRUPTED` when the signal aborts, and what loading the dataset and the weights throws
 */
export async function trainErm(options: ErmOptions): Promise<ErmResult> {
  const device = resolveDevice(options.device);
  const threads = await setThreads(options.threads);
  const dataset = await loadDataset(options.data, options.datasetOptions);
  requireGroups(dataset, SPLITS);
  const config = await ermConfig(options, dataset);
  const folder = new RunFolder(options.out);
  await folder.create();
  return folder.locked(async () => {
    const finished = await finishedOrFresh(folder, config, options.resume);
    if (finished) return finished;
    using loader = await openImages(config, dataset, { ...options, device });
    const generator = new (native().Generator)(config.seed);
    using model = await createModel(config, loader, generator);
    if (options.weights !== undefined) await loadWeights(model, options.weights);
    const state: TrainingState = {
      model,
      optimizer: new Adam(model, config.lr, { weightDecay: config.weightDecay }),
      scheduler: new ReduceLROnPlateau(config.lr, config.scheduler.factor, config.scheduler.patience),
      generator,
    };
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    const progress = await restoreProgress(state, folder, options.onWarning);
    await folder.writeConfig(config, {
      data: dataset.folder,
      dataOptions: dataset.options,
      weightsPath: options.weights === undefined ? null : resolve(options.weights),
      device,
      threads,
      versions: versions(),
    });
    const { onProgress, signal, onEpoch } = options;
    const job: ErmJob = { ...config, onProgress, signal, onEpoch };
    const trained = await trainEpochs(state, progress, loader, folder, job);
    return await selectAndTest(model, loader, folder, trained, job);
  });
}

/** A run's whole configuration, progress and signal. */
type ErmJob = RunConfig & Pick<ErmOptions, 'onProgress' | 'signal' | 'onEpoch'>;

async function trainEpochs(
  state: TrainingState,
  restored: TrainingProgress,
  loader: BatchLoader,
  folder: RunFolder,
  job: ErmJob,
): Promise<TrainingProgress> {
  const { model, optimizer, scheduler } = state;
  const { dataset } = loader;
  let progress = restored;
  // Killed after its last epoch counted, the run may have the weights of the epoch before.
  if (progress.epoch >= job.epochs) await writeSafetensors(folder.last, await model.stateDict());
  while (progress.epoch < job.epochs) {
    const epoch = progress.epoch + 1;
    const start = performance.now();
    optimizer.lr = scheduler.lr;
    const { trainLoss, train } = await trainEpoch(state, loader, epoch, job);
    const val = await evaluate(model, loader, dataset.splits.val, {
      ...job,
      task: `epoch ${epoch}/${job.epochs}, validation`,
    });
    if (!Number.isFinite(val.loss))
      throw diverged(`validation loss became ${val.loss} after epoch ${epoch}`, epoch);
    const best = val.accuracies.worstGroupAccuracy > progress.bestWorstGroupAccuracy;
    progress = {
      epoch,
      bestEpoch: best ? epoch : progress.bestEpoch,
      bestWorstGroupAccuracy: Math.max(progress.bestWorstGroupAccuracy, val.accuracies.worstGroupAccuracy),
    };
    const lr = scheduler.lr;
    scheduler.step(trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, trainLoss, train, valLoss: val.loss, val: val.accuracies, best, seconds };
    await folder.appendMetrics(metrics);
    const weights = await model.stateDict();
    if (best) await writeSafetensors(folder.best, weights);
    // Makes the epoch count: a run killed before this line repeats the epoch.
    await saveTraining(folder.resume, state, progress);
    // After it, so that these weights tell a checkpoint that was lost from one that was never written.
    await writeSafetensors(folder.last, weights);
    job.onEpoch?.(metrics);
  }
  return progress;
}

/** One epoch of ERM: the mean loss over its examples, and the accuracies of the batches as they were trained on. */
async function trainEpoch(
  { model, optimizer, generator }: { model: Model; optimizer: Adam; generator: Generator },
  loader: BatchLoader,
  epoch: number,
  job: ErmJob,
): Promise<{ trainLoss: number; train: GroupAccuracies }> {
  const { dataset } = loader;
  const indices = dataset.splits.train;
  const counter = new GroupCounter(dataset.numGroups);
  let lossSum = 0;
  let done = 0;
  for await (const batch of loader.training(indices, job.batchSize, generator)) {
    using current = batch;
    throwIfAborted(job.signal, `epoch ${epoch}`);
    using logits = await model.network.forward(current.images, true, true, null);
    using loss = await lossOf(logits, current.labels, 'mean', job.loss);
    await model.network.zeroGrad();
    await loss.backward();
    await optimizer.step();

    const value = await loss.item();
    if (!Number.isFinite(value)) {
      throw diverged(`loss became ${value} in epoch ${epoch}, after ${done} images`, epoch);
    }
    lossSum += value * current.indices.length;
    countCorrect(counter, dataset, current.indices, await logits.argmax());
    done += current.indices.length;
    job.onProgress?.({
      task: `epoch ${epoch}/${job.epochs}`,
      done,
      total: indices.length,
      unit: 'images',
    });
  }
  return { trainLoss: lossSum / indices.length, train: counter.accuracies(groupCounts(dataset, 'train')) };
}

function diverged(what: string, epoch: number): SpurmemError {
  // Without a finished epoch, the folder is free for other settings.
  const [kept, where] = epoch > 1 ? [` Epoch ${epoch - 1} is kept.`, ' with another --out'] : ['', ''];
  return new SpurmemError(
    'NATIVE_FAILED',
    `The ${what}.${kept} Try a lower --lr${where}, or other --weights.`,
  );
}

/** Evaluates the selected checkpoint on every split; the test split is read here and nowhere else. */
async function selectAndTest(
  model: Model,
  loader: BatchLoader,
  folder: RunFolder,
  progress: TrainingProgress,
  job: ErmJob,
): Promise<ErmResult> {
  await loadWeights(model, folder.selected(job.select));
  const accuracies: Partial<Record<(typeof SPLITS)[number], GroupAccuracies>> = {};
  for (const split of SPLITS) {
    const indices = loader.dataset.splits[split];
    const evaluation = await evaluate(model, loader, indices, { ...job, task: `selected epoch, ${split}` });
    accuracies[split] = evaluation.accuracies;
  }
  const { train, val, test } = accuracies as Record<(typeof SPLITS)[number], GroupAccuracies>;
  const result: ErmResult = {
    kind: 'erm',
    epochs: progress.epoch,
    bestEpoch: job.select === 'last' ? progress.epoch : progress.bestEpoch,
    select: job.select,
    train,
    val,
    test,
  };
  await folder.writeResult('erm', result);
  return result;
}
