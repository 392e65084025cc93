import { saveEpoch } from './checkpoint.js';
import type { TrainingProgress } from './results.js';
import type { Run, Task } from './run.js';
import { methodOf } from './runConfig.js';
import type { RunOptions } from './runOptions.js';
import { ReduceLROnPlateau } from './scheduler.js';
import { isBest, selectionScore } from './selection.js';
import type { RunBoard } from './tensorboard.js';

/** Trains the remaining epochs: a pass of the task, validation, ReduceLROnPlateau on the training loss, a checkpoint. */
export async function fit(
  run: Run,
  trainEpoch: NonNullable<Task['trainEpoch']>,
  kept: ReadonlySet<number | 'selected'>,
  board: RunBoard | undefined,
  onEpoch: RunOptions['onEpoch'],
): Promise<void> {
  const { config, folder, loader } = run;
  const { groupNames, numSpurious } = loader.dataset;
  const scheduler = new ReduceLROnPlateau(config.lr, config.scheduler.factor, config.scheduler.patience);
  if (run.progress.scheduler !== undefined) scheduler.load(run.progress.scheduler);
  while (run.progress.epoch < config.epochs) {
    const { progress: last } = run;
    const epoch = last.epoch + 1;
    const start = performance.now();
    const { lr } = scheduler;
    const training = await trainEpoch(epoch, lr);
    await run.agreeOnStatistics();
    const val = await run.validate(epoch);
    const score = selectionScore(config.select, val.accuracies, numSpurious);
    const best = isBest(score, val.accuracies.average, last);
    scheduler.step(training.trainLoss);
    const seconds = (performance.now() - start) / 1000;
    const metrics = { epoch, lr, ...training, valLoss: val.loss, val: val.accuracies, best, seconds };
    const progress: TrainingProgress = {
      epoch,
      bestEpoch: best ? epoch : last.bestEpoch,
      bestScore: Math.max(last.bestScore, score),
      isKept: kept.has(epoch),
      images: loader.digest,
      scheduler: scheduler.state(),
      metrics: [...last.metrics, metrics],
    };
    // An extended run still has its result after fewer epochs.
    await folder.removeResult(methodOf(config));
    await saveEpoch(run, progress);
    await folder.writeMetricsTable(progress.metrics, groupNames);
    await board?.add(metrics);
    onEpoch?.(metrics, { groupNames, epochs: config.epochs });
  }
}
