import { messageOf, SpurmemError } from '../errors.js';
import { readSafetensors } from '../models/safetensors.js';
import type { JobOptions } from '../progress.js';
import { loadTraining, type MethodState, type TrainingProgress, type TrainingState } from './checkpoint.js';
import { type TrainingResult, trainingResultSchema } from './results.js';
import { configDifferences, methodOf, type RunConfig } from './runConfig.js';
import { isFile } from './runFiles.js';
import type { RunFolder } from './runFolder.js';
import type { RunWriter } from './runWriter.js';

/** The result of a finished run that is asked to resume; otherwise checks that training may start or go on. */
export async function finishedOrFresh<Result extends TrainingResult>(
  folder: RunFolder,
  config: RunConfig,
  resume: boolean,
  onWarning: JobOptions['onWarning'],
): Promise<Result | undefined> {
  const existing = await folder.readConfig();
  // Before its first epoch is finished, a run may take other settings, such as a lower learning rate.
  if (!(await folder.hasEpochs())) return undefined;
  if (!existing) {
    throw lacking(`${folder.path} holds epochs of a run, but its config.json is missing.`);
  }
  const changes = configDifferences(existing.config, config);
  const { epochs = 0 } = config;
  const mayExtend = (existing.config.epochs ?? 0) < epochs;
  const blocking = resume && mayExtend ? changes.filter((change) => !change.startsWith('epochs:')) : changes;
  if (blocking.length > 0) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${folder.path} already holds a run with another configuration:\n  ${blocking.join('\n  ')}\nNothing was changed.`,
      { advice: ['Choose another `out`, or use the same settings with `resume`.'] },
    );
  }
  const result = (await folder.readResult(methodOf(config), trainingResultSchema)) as Result | undefined;
  const isFinished = result !== undefined && (result.epochs === epochs || result.ended === true);
  if (!resume) {
    throw new SpurmemError(
      'RUN_EXISTS',
      `${folder.path} already holds ${isFinished ? 'this run, finished' : 'this run, unfinished'}. Nothing was changed.`,
      { advice: ['Continue it with `resume`, or choose another `out`.'] },
    );
  }
  if (isFinished) {
    warnOfLostEpochs(await folder.readMetrics(onWarning), result.epochs, onWarning);
    return result;
  }
  if (epochs > 0) await requireCheckpoint(folder);
  return undefined;
}

/** Restores the last checkpoint, if any, and drops the metrics of an epoch that was cut off. */
export async function restoreProgress(
  state: TrainingState,
  method: MethodState,
  folder: RunWriter,
  onWarning: JobOptions['onWarning'],
): Promise<TrainingProgress> {
  const metrics = await folder.readMetrics(onWarning);
  const progress: TrainingProgress = (await isFile(folder.resume))
    ? await loadTraining(folder.resume, state, method)
    : { epoch: 0, bestEpoch: 0, bestScore: -1 };
  if (progress.images !== undefined && progress.images !== state.images) {
    onWarning?.(
      'The images are not those that the run was trained on until now: some were replaced. It goes on with these, and its numbers are of both.',
    );
  }
  if (progress.bestEpoch > 0) await requireSelected(folder, progress.bestEpoch);
  const finished = metrics.filter(({ epoch }) => epoch <= progress.epoch);
  warnOfLostEpochs(finished, progress.epoch, onWarning);
  await folder.writeMetrics(finished);
  return progress;
}

function warnOfLostEpochs(
  { length }: readonly unknown[],
  finished: number,
  onWarning: JobOptions['onWarning'],
): void {
  if (length >= finished) return;
  onWarning?.(
    `metrics.jsonl has ${length} of the ${finished} finished epochs. The other measurements are lost; the weights are not.`,
  );
}

/** Throws `RUN_INVALID` when the best epoch's weights are missing or damaged: no later epoch may replace them. */
async function requireSelected(folder: RunFolder, bestEpoch: number): Promise<void> {
  try {
    await readSafetensors(folder.best);
  } catch (error) {
    const reason = error instanceof SpurmemError ? error.problem : messageOf(error);
    const problem = `${folder.best} should have the weights of epoch ${bestEpoch}, the best so far: ${reason}`;
    throw lacking(problem, error);
  }
}

/** Throws `RUN_INVALID` when the checkpoint of finished epochs is gone. */
async function requireCheckpoint(folder: RunFolder): Promise<void> {
  if (await isFile(folder.resume)) return;
  // A process killed while it saved its first epoch leaves that epoch's metrics, but none of these files.
  const isSaved = (await isFile(folder.last)) || (await folder.hasResults());
  if (!isSaved && (await folder.readMetrics()).length <= 1) return;
  throw lacking(`${folder.resume} is missing: training cannot go on from the epochs that are finished.`);
}

function lacking(problem: string, cause?: unknown): SpurmemError {
  const rest = 'Nothing was changed. Restore that file, or start anew in another folder.';
  return new SpurmemError('RUN_INVALID', `${problem} ${rest}`, cause === undefined ? {} : { cause });
}
