import { type ListedRun, listRuns } from '../../experiments/runs/listRuns.js';
import type { JobOptions } from '../../progress.js';
import type { EpochMetrics } from '../../train/results.js';
import { RunFolder } from '../../train/runFolder.js';

/** The last epochs by which the time of the others is estimated. */
const TIMED_EPOCHS = 3;

/** A run that is followed. */
export interface FollowedRun extends ListedRun {
  readonly metrics: readonly EpochMetrics[];
  /** Estimated seconds until the last epoch is finished; undefined where it is not known. */
  readonly left: number | undefined;
}

/** The runs of a folder, which may be one itself, as they are now. Throws `RUN_NOT_FOUND`; damaged ones are warned of. */
export async function followedRuns(
  folder: string,
  options: Pick<JobOptions, 'onWarning'>,
): Promise<FollowedRun[]> {
  const runs = await listRuns(folder, options);
  return Promise.all(
    runs.map(async (run) => {
      const metrics = await new RunFolder(run.path).readMetrics();
      return { ...run, metrics, left: secondsLeft(run, metrics) };
    }),
  );
}

/** A mark of the state that a page shows: it is drawn anew where this differs. */
export function versionOf(runs: readonly FollowedRun[]): string {
  const marks = runs.map(({ run, state, metrics, result }) => {
    const last = metrics.at(-1);
    // Its numbers, too: a folder may be removed and trained anew.
    return [run, state, metrics.length, last?.trainLoss, last?.valLoss, result?.test.average].join(' ');
  });
  return marks.join('\n');
}

function secondsLeft({ state, config }: ListedRun, metrics: readonly EpochMetrics[]): number | undefined {
  const timed = metrics.slice(-TIMED_EPOCHS);
  if (state !== 'running' || config.epochs === undefined || timed.length === 0) return undefined;
  const each = timed.reduce((sum, { seconds }) => sum + seconds, 0) / timed.length;
  return each * Math.max(0, config.epochs - metrics.length);
}
