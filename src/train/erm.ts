import { resolve } from 'node:path';
import { BatchLoader } from '../data/batches.js';
import {
  groupCounts,
  loadDataset,
  requireGroups,
  type Dataset,
  type DatasetOptions,
} from '../data/dataset.js';
import { SPLITS } from '../data/split.js';
import { SpurmemError } from '../errors.js';
import { countCorrect, evaluate } from '../metrics/evaluate.js';
import { GroupCounter, type GroupAccuracies } from '../metrics/groups.js';
import type { Architecture } from '../models/architectures.js';
import { weightsFingerprint } from '../models/fingerprint.js';
import { Model } from '../models/model.js';
import { writeSafetensors } from '../models/safetensors.js';
import { loadWeights } from '../models/weights.js';
import { native, type Generator } from '../native/addon.js';
import { resolveDevice, setThreads } from '../native/device.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { versions } from '../versions.js';
import { Adam } from './adam.js';
import { saveTraining, type TrainingProgress, type TrainingState } from './checkpoint.js';
import type { EpochMetrics, ErmResult } from './metrics.js';
import { finishedOrFresh, restoreProgress } from './resume.js';
import { RunFolder, type RunConfig } from './runFolder.js';
import { ReduceLROnPlateau } from './scheduler.js';

export interface ErmOptions extends JobOptions {
  /** The dataset's folder. */
  readonly data: string;
  /** How to read the dataset, where its files do not say. */
  readonly datasetOptions?: DatasetOptions | undefined;
  /** The run's folder. */
  readonly out: string;
  readonly arch: Architecture;
  /** A weights file to start from; without it, random weights from the seed. */
  readonly weights?: string | undefined;
  /** Article: 100. */
  readonly epochs: number;
  /** Article: 256. Evaluation uses it too. */
  readonly batchSize: number;
  /** Article: 1e-4. */
  readonly lr: number;
  readonly seed: number;
  /** `auto`, `cpu`, `cuda` or `cuda:n`. */
  readonly device: string;
  /** Threads of the compute lane; 0: all cores. */
  readonly threads: number;
  /** Continue the run in `out` from its last finished epoch. */
  readonly resume: boolean;
  /** Called after each epoch. */
  readonly onEpoch?: ((metrics: EpochMetrics) => void) | undefined;
}

/** The article's recipe (Methods, "Implementation details"). */
export const ARTICLE_ERM = {
  epochs: 100,
  batchSize: 256,
  lr: 1e-4,
  weightDecay: 0,
  factor: 0.5,
  patience: 3,
} as const;

/**
 * Empirical risk minimization (article, Methods): cross-entropy, Adam without weight decay, ReduceLROnPlateau on the
 * training loss, and the checkpoint with the best validation worst-group accuracy, which is evaluated once on every split
 * at the end. A run that stops early resumes to the same bits.
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
    using loader = await BatchLoader.open(dataset, { ...options, device });
    const generator = new (native().Generator)(options.seed);
    using model = await Model.create({
      ...options,
      numClasses: dataset.numClasses,
      generator,
      device,
      imageSize: loader.inputSize,
    });
    if (options.weights !== undefined) await loadWeights(model, options.weights);
    const state: TrainingState = {
      model,
      optimizer: new Adam(model, options.lr, { weightDecay: config.weightDecay }),
      scheduler: new ReduceLROnPlateau(options.lr, config.scheduler.factor, config.scheduler.patience),
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
    const trained = await trainEpochs(state, progress, loader, folder, options);
    return await selectAndTest(model, loader, folder, trained, options);
  });
}

async function trainEpochs(
  state: TrainingState,
  restored: TrainingProgress,
  loader: BatchLoader,
  folder: RunFolder,
  options: ErmOptions,
): Promise<TrainingProgress> {
  const { model, optimizer, scheduler } = state;
  const { dataset } = loader;
  let progress = restored;
  // Killed after its last epoch counted, the run may have the weights of the epoch before.
  if (progress.epoch >= options.epochs) await writeSafetensors(folder.last, await model.stateDict());
  while (progress.epoch < options.epochs) {
    const epoch = progress.epoch + 1;
    const start = performance.now();
    optimizer.lr = scheduler.lr;
    const { trainLoss, train } = await trainEpoch(state, loader, epoch, options);
    const val = await evaluate(model, loader, dataset.splits.val, {
      ...options,
      task: `epoch ${epoch}/${options.epochs}, validation`,
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
    options.onEpoch?.(metrics);
  }
  return progress;
}

/** One epoch of ERM: the mean loss over its examples, and the accuracies of the batches as they were trained on. */
async function trainEpoch(
  { model, optimizer, generator }: { model: Model; optimizer: Adam; generator: Generator },
  loader: BatchLoader,
  epoch: number,
  options: ErmOptions,
): Promise<{ trainLoss: number; train: GroupAccuracies }> {
  const { dataset } = loader;
  const indices = dataset.splits.train;
  const counter = new GroupCounter(dataset.numGroups);
  let lossSum = 0;
  let done = 0;
  for await (const batch of loader.training(indices, options.batchSize, generator)) {
    using current = batch;
    throwIfAborted(options.signal, `epoch ${epoch}`);
    using logits = await model.network.forward(current.images, true, true, null);
    using loss = await native().crossEntropy(logits, current.labels, 'mean');
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
    options.onProgress?.({
      task: `epoch ${epoch}/${options.epochs}`,
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
  options: ErmOptions,
): Promise<ErmResult> {
  await loadWeights(model, folder.best);
  const accuracies: Partial<Record<(typeof SPLITS)[number], GroupAccuracies>> = {};
  for (const split of SPLITS) {
    const indices = loader.dataset.splits[split];
    const evaluation = await evaluate(model, loader, indices, { ...options, task: `best epoch, ${split}` });
    accuracies[split] = evaluation.accuracies;
  }
  const { train, val, test } = accuracies as Record<(typeof SPLITS)[number], GroupAccuracies>;
  const result: ErmResult = {
    kind: 'erm',
    epochs: progress.epoch,
    bestEpoch: progress.bestEpoch,
    train,
    val,
    test,
  };
  await folder.writeResult('erm', result);
  return result;
}

async function ermConfig(options: ErmOptions, dataset: Dataset): Promise<RunConfig> {
  return {
    command: 'train erm',
    dataset: { name: dataset.name, fingerprint: dataset.fingerprint },
    arch: options.arch,
    numClasses: dataset.numClasses,
    weights: options.weights === undefined ? null : await weightsFingerprint(options.weights),
    epochs: options.epochs,
    batchSize: options.batchSize,
    lr: options.lr,
    weightDecay: ARTICLE_ERM.weightDecay,
    scheduler: { name: 'ReduceLROnPlateau', factor: ARTICLE_ERM.factor, patience: ARTICLE_ERM.patience },
    selection: 'best validation worst-group accuracy',
    seed: options.seed,
  };
}
