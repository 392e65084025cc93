import type { BatchLoader } from '../data/batches.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import { writeSafetensors } from '../models/safetensors.js';
import { native } from '../native/addon.js';
import { TensorScope } from '../native/tensorScope.js';
import { saveTraining, type TrainingProgress } from './checkpoint.js';
import type { EpochMetrics, TrainedRun, TrainingResult } from './results.js';
import { kickInEpoch } from './kickIn.js';
import { restoreProgress } from './resume.js';
import { methodOf, type EpochsConfig } from './runConfig.js';
import { createModel } from './runModel.js';
import { selectionScore } from './selection.js';
import { startRun, type RunOptions, type RunPlan } from './startRun.js';
import { testSelected } from './testSelected.js';
import { diverged, Trainer, type MethodRun } from './trainer.js';

/** The run that an epoch is of. */
export interface EpochContext {
  /** [numGroups] */
  readonly groupNames: readonly string[];
  /** Of the whole run. */
  readonly epochs: number;
  /** Of a run that trains another model first, such as JTT's `identification`. */
  readonly stage?: string;
}

/** What every way to train by epochs takes besides its settings. */
export interface EpochOptions extends RunOptions {
  /** Epochs whose weights are kept besides those of the selected, the last, and the one that fine-tuning starts from. */
  readonly keepEpochs?: readonly number[] | undefined;
  /** Called after each epoch. */
  readonly onEpoch?: ((metrics: EpochMetrics, run: EpochContext) => void) | undefined;
}

/** What a run of epochs is to be. */
export interface EpochPlan<Config extends EpochsConfig> extends RunPlan<Config> {
  readonly method: (trainer: Trainer<Config>) => MethodRun | Promise<MethodRun>;
}

/**
 * Trains a run: epochs of a method, validation after each, ReduceLROnPlateau on the training loss, a checkpoint after each
 * epoch, and at the end the selected one evaluated once on every split. The test split is read there and nowhere else. A run
 * that stops early resumes to the same bits.
 *
 * @throws `INTERRUPTED` when the signal aborts, and what `startRun` throws
 */
export async function trainRun<Config extends EpochsConfig>(
  options: EpochOptions,
  plan: EpochPlan<Config>,
): Promise<TrainedRun> {
  return startRun(options, plan, async (run): Promise<TrainingResult> => {
    const { config, folder, loader, model, generator, job } = run;
    using averaged = config.averaging === undefined ? undefined : await copyOf(model, config, loader);
    using trainer = new Trainer(config, folder, loader, model, averaged, generator, job);
    const method = await plan.method(trainer);
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    const restored = await restoreProgress(trainer, method, folder, job.onWarning);
    await run.writeConfig();
    if (restored.epoch === 0) await method.begin?.();
    const kept = new Set<unknown>(options.keepEpochs);
    // For fine-tuning to start from.
    if (plan.from === undefined) {
      const { format } = loader.dataset.options;
      kept.add(kickInEpoch(config.protocol, { runEpochs: config.epochs, format }));
    }
    const { epoch, bestEpoch } = await trainEpochs(trainer, method, restored, kept, options.onEpoch);
    const result: TrainingResult = {
      kind: methodOf(config),
      epochs: epoch,
      bestEpoch: config.select === 'last' ? epoch : bestEpoch,
      select: config.select,
      ...(await testSelected(trainer.evaluated, loader, run)),
    };
    await folder.writeResult(result.kind, result);
    return result;
  });
}

/** A second model with the same weights. */
async function copyOf(model: Model, config: EpochsConfig, loader: BatchLoader): Promise<Model> {
  const copy = await createModel(config, loader, new (native().Generator)(config.seed));
  await copy.network.moveToward(model.network, 1);
  return copy;
}

async function trainEpochs(
  trainer: Trainer<EpochsConfig>,
  method: MethodRun,
  restored: TrainingProgress,
  kept: ReadonlySet<unknown>,
  onEpoch: EpochOptions['onEpoch'],
): Promise<TrainingProgress> {
  const { config, folder, evaluated, scheduler, loader } = trainer;
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
    const score = selectionScore(config.select, val.accuracies, loader.dataset.numSpurious);
    const best = score > progress.bestWorstGroupAccuracy;
    progress = {
      epoch,
      bestEpoch: best ? epoch : progress.bestEpoch,
      bestWorstGroupAccuracy: Math.max(progress.bestWorstGroupAccuracy, score),
    };
    scheduler.step(training.trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, ...training, valLoss: val.loss, val: val.accuracies, best, seconds };
    await folder.appendMetrics(metrics);
    await folder.writeMetricsTable(loader.dataset.groupNames);
    using scope = new TensorScope();
    const weights = scope.own(await evaluated.network.state());
    if (best) await writeSafetensors(folder.best, weights);
    if (kept.has(epoch)) await writeSafetensors(folder.epoch(epoch), weights);
    // Makes the epoch count: a run killed before this line repeats the epoch.
    await saveTraining(folder.resume, trainer, method, progress);
    // After it, so that these weights tell a checkpoint that was lost from one that was never written.
    await writeSafetensors(folder.last, weights);
    onEpoch?.(metrics, { groupNames: loader.dataset.groupNames, epochs: config.epochs });
  }
  return progress;
}
