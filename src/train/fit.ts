import type { Model } from '../models/model.js';
import { native } from '../native/addon.js';
import { restoreEpoch, saveEpoch } from './checkpoint.js';
import { kickInEpoch } from './kickIn.js';
import type { TrainedRun, TrainingProgress, TrainingResult } from './results.js';
import { Run, type Task } from './run.js';
import { type EpochsConfig, methodOf } from './runConfig.js';
import { type RunFolder, selectedOf } from './runFolder.js';
import { createModel } from './runModel.js';
import type { EpochOptions } from './runOptions.js';
import { selectionScore } from './selection.js';
import { type FinishedRun, type RunPlan, type StartedRun, startRun } from './startRun.js';
import type { RunBoard } from './tensorboard/runBoard.js';
import { testSelected } from './testSelected.js';

interface EpochPlan<Config extends EpochsConfig> extends RunPlan<Config> {
  readonly method: (run: Run<Config>) => Task | Promise<Task>;
}

/**
 * Trains a run by a method's task, or goes on with one that was stopped, and evaluates the selected epoch on every split at the end. A run
 * that stops early resumes to the same bits from its last epoch. Throws `INTERRUPTED` when the signal aborts, and what `startRun` throws.
 */
export async function trainRun<Config extends EpochsConfig>(
  options: EpochOptions,
  plan: EpochPlan<Config>,
): Promise<TrainedRun> {
  const train = async (started: StartedRun<Config>): Promise<TrainingResult> => {
    const { config, folder, loader, dataset } = started;
    using ema = config.ema === undefined ? undefined : await averageOf(started);
    using run = new Run(started, ema);
    const task = await plan.method(run);
    await run.distribute();
    const saved = await folder.readProgress();
    const goesOn = saved !== undefined && saved.epoch > 0;
    // Before anything is written: a damaged checkpoint leaves the folder as it was.
    if (goesOn) {
      await restoreEpoch(run, saved);
      run.progress = saved;
    }
    const kept = keptEpochs(options, plan, started);
    if (goesOn) await warnOfPassed(options, kept, folder, saved.epoch);
    const board = await openBoard(options, started);
    await started.writeConfig();
    // A run that begins keeps nothing of an earlier attempt, which may have had other settings.
    await folder.prune(goesOn ? run.progress : { epoch: -1, bestEpoch: 0 });
    if (goesOn) {
      await folder.writeMetricsTable(saved.metrics, dataset.groupNames);
    } else {
      if (kept.has(0)) await saveEpoch(run, { ...run.progress, isKept: true });
      await task.begin?.();
    }
    await fit(run, task, kept, board, options);
    const { epoch, ended } = run.progress;
    const selected = selectedOf(run.progress, config.select);
    // All processes see its checkpoints.
    await run.context.barrier();
    const result: TrainingResult = {
      kind: methodOf(config),
      epochs: epoch,
      ...(ended === true ? { ended } : {}),
      bestEpoch: selected,
      select: config.select,
      ...(await testSelected(run.evaluated, loader, started, selected)),
    };
    await folder.writeResult(result.kind, result);
    await board?.finish(result);
    return result;
  };
  return startRun(options, plan, train, async (finished, result) => {
    await warnOfPassed(options, keptEpochs(options, plan, finished), finished.folder, result.epochs);
    await (await openBoard(options, finished))?.finish(result);
  });
}

/** Trains epochs until the last one: a pass of the task, validation, ReduceLROnPlateau on the training loss, a checkpoint. */
async function fit(
  run: Run,
  task: Task,
  kept: ReturnType<typeof keptEpochs>,
  board: RunBoard | undefined,
  { onEpoch }: EpochOptions,
): Promise<void> {
  const { config, folder, scheduler, loader } = run;
  const { groupNames, numSpurious } = loader.dataset;
  while (run.progress.epoch < config.epochs && run.progress.ended !== true) {
    const { progress: last } = run;
    const epoch = last.epoch + 1;
    const start = performance.now();
    const { lr } = scheduler;
    const training = await task.trainEpoch(epoch, lr);
    await run.agreeOnStatistics();
    const val = await run.validate(epoch);
    const score = selectionScore(config.select, val.accuracies, numSpurious);
    const best = score > last.bestScore;
    scheduler.step(training.trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, ...training, valLoss: val.loss, val: val.accuracies, best, seconds };
    const progress: TrainingProgress = {
      epoch,
      bestEpoch: best ? epoch : last.bestEpoch,
      bestScore: Math.max(last.bestScore, score),
      ...(training.ends === true ? { ended: true } : {}),
      isKept: kept.has(epoch),
      images: loader.digest,
      scheduler: scheduler.state(),
      metrics: [...last.metrics, metrics],
    };
    // A finished run that goes on has a result of fewer epochs.
    await folder.removeResult(methodOf(config));
    await saveEpoch(run, progress);
    run.progress = progress;
    await folder.writeMetricsTable(progress.metrics, groupNames);
    await board?.add([metrics]);
    onEpoch?.(metrics, { groupNames, epochs: config.epochs });
  }
}

/** The epochs whose weights stay: those that the options name, and the one that fine-tuning starts from. */
function keptEpochs(
  { keepEpochs = [], onWarning }: EpochOptions,
  { from }: Pick<RunPlan<EpochsConfig>, 'from'>,
  { config: { epochs, protocol }, dataset }: FinishedRun,
): ReadonlySet<number | 'selected'> {
  const late = keepEpochs.filter((epoch) => epoch > epochs).join(', ');
  if (late !== '') onWarning?.(`\`keepEpochs\` names ${late}, and the run ends with epoch ${epochs}.`);
  const { format } = dataset.options;
  return new Set([
    ...keepEpochs,
    ...(from === undefined ? [kickInEpoch(protocol, { runEpochs: epochs, format })] : []),
  ]);
}

/** Warns of epochs to keep that the run has passed without keeping them. */
async function warnOfPassed(
  { onWarning }: EpochOptions,
  kept: ReadonlySet<number | 'selected'>,
  folder: RunFolder,
  passed: number,
): Promise<void> {
  const saved = new Set(await folder.savedEpochs());
  const lost = [...kept].filter((epoch) => typeof epoch === 'number' && epoch <= passed && !saved.has(epoch));
  if (lost.length === 0) return;
  onWarning?.(
    `The run has passed epoch ${lost.join(', ')} without keeping its weights, which \`keepEpochs\` names or fine-tuning starts from by default. ` +
      'Train it anew in another `out` to have them.',
  );
}

/** The first process writes the events, if the options ask for them: no other run loads what writes them. */
async function openBoard(
  { tensorboard = false }: EpochOptions,
  { config, folder, dataset }: FinishedRun,
): Promise<RunBoard | undefined> {
  if (tensorboard === false || !folder.context.isRankZero) return undefined;
  const { RunBoard } = await import('./tensorboard/runBoard.js');
  return RunBoard.open(tensorboard, { config, folder, groupNames: dataset.groupNames });
}

async function averageOf({ config, loader, model }: StartedRun<EpochsConfig>): Promise<Model> {
  const copy = await createModel(config, loader, new (native().Generator)(config.seed), model.program);
  await copy.network.moveToward(model.network, 1);
  return copy;
}
