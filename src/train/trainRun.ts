import type { BatchLoader } from '../data/batches.js';
import { evaluate } from '../metrics/evaluate.js';
import type { Model } from '../models/model.js';
import { writeSafetensors } from '../models/safetensors.js';
import { native } from '../native/addon.js';
import { TensorScope } from '../native/tensorScope.js';
import { saveTraining } from './checkpoint.js';
import { kickInEpoch } from './kickIn.js';
import type { EpochMetrics, TrainedRun, TrainingResult } from './results.js';
import { restoreProgress } from './resume.js';
import { type EpochsConfig, methodOf } from './runConfig.js';
import { isFile } from './runFiles.js';
import type { RunFolder } from './runFolder.js';
import { createModel } from './runModel.js';
import { selectionScore } from './selection.js';
import { type FinishedRun, type RunOptions, type RunPlan, type StartedRun, startRun } from './startRun.js';
import type { RunBoard } from './tensorboard/runBoard.js';
import { evaluationOf, testSelected } from './testSelected.js';
import { type MethodRun, Trainer } from './trainer.js';

/** The run of an epoch. */
interface EpochContext {
  /** [numGroups] */
  readonly groupNames: readonly string[];
  /** Those of the whole run. */
  readonly epochs: number;
  /** The name of a model that is trained first, such as JTT's `identification`. */
  readonly stage?: string;
}

/** The options of a training method of epochs besides its settings. */
export interface EpochOptions extends RunOptions {
  /** Epochs whose weights are kept besides the selected, the last, and the one that fine-tuning starts from; 0: those before the first. */
  readonly keepEpochs?: readonly number[] | undefined;
  /**
   * Writes curves, and settings as TensorBoard's event files: into a folder for all runs, where this one's are below its own
   * path; true: into `tensorboard` in the run's folder. Default: none.
   */
  readonly tensorboard?: string | boolean | undefined;
  readonly onEpoch?: ((metrics: EpochMetrics, run: EpochContext) => void) | undefined;
}

interface EpochPlan<Config extends EpochsConfig> extends RunPlan<Config> {
  readonly method: (trainer: Trainer<Config>) => MethodRun | Promise<MethodRun>;
}

/**
 * Trains a run: epochs of a method, validation after each, ReduceLROnPlateau on the training loss, a checkpoint after each
 * epoch, and at the end the selected one evaluated on every split. A run that stops early resumes to the same bits from its last epoch. Throws `INTERRUPTED` when the signal aborts, and what `startRun` throws.
 */
export async function trainRun<Config extends EpochsConfig>(
  options: EpochOptions,
  plan: EpochPlan<Config>,
): Promise<TrainedRun> {
  const train = async (run: StartedRun<Config>): Promise<TrainingResult> => {
    const { config, folder, loader, model, generator, job } = run;
    using ema = config.ema === undefined ? undefined : await copyOf(model, config, loader);
    using trainer = new Trainer(config, folder, loader, model, ema, generator, job);
    const method = await plan.method(trainer);
    await trainer.distribute();
    // To tell whether the images are those until then.
    if (await isFile(folder.resume)) await loader.decoded();
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    trainer.progress = await restoreProgress(trainer, method, folder, job.onWarning);
    const board = await openBoard(options, { config, folder, dataset: loader.dataset });
    await run.writeConfig();
    const { epoch: passed } = trainer.progress;
    if (passed === 0) await method.begin?.();
    const kept = new Set<unknown>(options.keepEpochs);
    const late = options.keepEpochs?.filter((epoch) => epoch > config.epochs).join(', ') ?? '';
    if (late !== '') {
      job.onWarning?.(`\`keepEpochs\` names ${late}, and the run ends with epoch ${config.epochs}.`);
    }
    if (passed > 0) await warnOfPassed(folder, options, passed);
    // For fine-tuning to start from.
    if (plan.from === undefined) {
      const { format } = loader.dataset.options;
      kept.add(kickInEpoch(config.protocol, { runEpochs: config.epochs, format }));
    }
    await trainEpochs(trainer, method, kept, board, options);
    const { epoch, bestEpoch, ended } = trainer.progress;
    // All processes see its checkpoints.
    await model.context.barrier();
    const result: TrainingResult = {
      kind: methodOf(config),
      epochs: epoch,
      ...(ended === true ? { ended } : {}),
      bestEpoch: config.select === 'last' ? epoch : bestEpoch,
      select: config.select,
      ...(await testSelected(trainer.evaluated, loader, run)),
    };
    await folder.writeResult(result.kind, result);
    await board?.finish(result);
    return result;
  };
  return startRun(options, plan, train, async (run, result) => {
    await warnOfPassed(run.folder, options, result.epochs);
    await (await openBoard(options, run))?.finish(result);
  });
}

/** Warns of epochs that are to be kept, and that the run has passed without it. */
async function warnOfPassed(
  folder: RunFolder,
  { keepEpochs = [], onWarning }: EpochOptions,
  passed: number,
): Promise<void> {
  const lost: number[] = [];
  for (const epoch of keepEpochs) {
    if (epoch <= passed && !(await isFile(folder.epoch(epoch)))) lost.push(epoch);
  }
  if (lost.length === 0) return;
  onWarning?.(
    `\`keepEpochs\` names ${lost.join(', ')}, whose weights the run did not keep when it passed. Train it anew in another \`out\` to have them.`,
  );
}

/** The first process writes the events, where they are asked for: no other run loads what writes them. */
async function openBoard(
  { tensorboard = false }: EpochOptions,
  { config, folder, dataset }: FinishedRun,
): Promise<RunBoard | undefined> {
  if (tensorboard === false || !folder.context.isRankZero) return undefined;
  const { RunBoard } = await import('./tensorboard/runBoard.js');
  return RunBoard.open(tensorboard, { config, folder, groupNames: dataset.groupNames });
}

async function copyOf(model: Model, config: EpochsConfig, loader: BatchLoader): Promise<Model> {
  const copy = await createModel(config, loader, new (native().Generator)(config.seed), model.program);
  await copy.network.moveToward(model.network, 1);
  return copy;
}

async function trainEpochs(
  trainer: Trainer<EpochsConfig>,
  method: MethodRun,
  kept: ReadonlySet<unknown>,
  board: RunBoard | undefined,
  { onEpoch }: EpochOptions,
): Promise<void> {
  const { config, folder, evaluated, scheduler, loader, generator, context } = trainer;
  // Killed after its last epoch counted, the run may have the weights of the epoch before.
  const isOver = (): boolean => trainer.progress.epoch >= config.epochs || trainer.progress.ended === true;
  if (isOver() && context.isRankZero) {
    await writeSafetensors(folder.last, await evaluated.stateDict());
  }
  if (trainer.progress.epoch === 0 && kept.has(0) && context.isRankZero) {
    await writeSafetensors(folder.epoch(0), await evaluated.stateDict());
  }
  while (!isOver()) {
    const { progress: last } = trainer;
    const epoch = last.epoch + 1;
    const start = performance.now();
    const { lr } = scheduler;
    const training = await method.trainEpoch(epoch, lr);
    await trainer.agreeOnStatistics();
    const val = await evaluate(evaluated, loader, loader.dataset.splits.val, {
      ...evaluationOf(trainer),
      task: `epoch ${epoch}/${config.epochs}, validation`,
    });
    // A damaged image stops the run in its first epoch, whatever split it is of.
    await loader.decoded();
    if (!Number.isFinite(val.loss) || !(await givesFiniteLogits(evaluated, loader, config))) {
      const loss = Number.isFinite(val.loss) ? Number.NaN : val.loss;
      throw trainer.diverged(`validation loss became ${loss} after epoch ${epoch}.`);
    }
    const score = selectionScore(config.select, val.accuracies, loader.dataset.numSpurious);
    const best = score > last.bestScore;
    const progress = {
      epoch,
      bestEpoch: best ? epoch : last.bestEpoch,
      bestScore: Math.max(last.bestScore, score),
      ...(training.ends === true ? { ended: true } : {}),
    };
    scheduler.step(training.trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, ...training, valLoss: val.loss, val: val.accuracies, best, seconds };
    // That of fewer epochs, where a finished run goes on: its weights are replaced from now on.
    await folder.removeResult(methodOf(config));
    await folder.appendMetrics(metrics);
    await folder.writeMetricsTable(loader.dataset.groupNames);
    using scope = new TensorScope();
    const weights = scope.own(await evaluated.network.state());
    if (context.isRankZero) {
      if (best) await writeSafetensors(folder.best, weights);
      if (kept.has(epoch)) await writeSafetensors(folder.epoch(epoch), weights);
      // Makes the epoch count: a run killed before this line repeats the epoch.
      await saveTraining(folder.resume, trainer, method, progress, generator.getState());
      // After it, so that these weights tell a checkpoint that was lost from one that was never written.
      await writeSafetensors(folder.last, weights);
    }
    trainer.progress = progress;
    await board?.add([metrics]);
    onEpoch?.(metrics, { groupNames: loader.dataset.groupNames, epochs: config.epochs });
  }
}

/** Whether a validation batch's logits are finite without fused kernels, which make 0 of NaN where activations overflow. */
async function givesFiniteLogits(
  model: Model,
  loader: BatchLoader,
  { batchSize }: EpochsConfig,
): Promise<boolean> {
  using batch = await loader.evaluation(loader.dataset.splits.val, batchSize).start(batchSize);
  using logits = await model.network.forward(batch.images, { grad: true });
  return ((await logits.data()) as Float32Array).every(Number.isFinite);
}
