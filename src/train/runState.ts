import { SpurmemError } from '../errors.js';
import type { TrainingResult } from './results.js';
import type { RunFolder } from './runFolder.js';

/** How far a run is. */
export interface RunState {
  readonly state: 'finished' | 'running' | 'stopped' | 'waiting';
  /** Finished epochs. */
  readonly epochs: number;
  readonly result: TrainingResult | undefined;
}

/** How far the run of a folder is. */
export async function runState(folder: RunFolder): Promise<RunState> {
  const result = await folder.readTrainingResult();
  const epochs = (await folder.readMetrics()).length;
  const state =
    result !== undefined
      ? 'finished'
      : (await isBusy(folder))
        ? 'running'
        : epochs > 0 || (await folder.readConfig()) !== undefined
          ? 'stopped'
          : 'waiting';
  return { state, epochs, result };
}

/** Whether another process is training this run. */
export async function isBusy(folder: RunFolder): Promise<boolean> {
  try {
    await folder.requireUnlocked();
    return false;
  } catch (error) {
    // A folder that is not there has no lock.
    return error instanceof SpurmemError && error.code === 'RUN_BUSY';
  }
}
