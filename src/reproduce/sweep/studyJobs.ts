import { basename, dirname } from 'node:path';
import type { StudyRun } from '../../experiments/studyArm.js';
import { withWholePaths, type SweepJob } from './plan.js';

/** The runs of studies as jobs, each folder once: those that start from the data, then those that start from one of these. */
export function jobsOfRuns(runs: readonly StudyRun[]): SweepJob[] {
  const byFolder = new Map<string, StudyRun>();
  for (const run of runs) {
    // Arms with equal settings are one run.
    if (!byFolder.has(run.out)) byFolder.set(run.out, run);
  }
  const once = [...byFolder.values()];
  const ordered = [false, true].flatMap((starts) =>
    once.filter(({ from }) => (from !== undefined) === starts),
  );
  return ordered.map(({ method, settings, seed, out, from, keepEpochs }, index) => ({
    ...{ index, stage: from === undefined ? 0 : 1 },
    entry: basename(dirname(out)),
    ...{ method, settings: withWholePaths(settings), seed, out },
    from: from === undefined ? null : ordered.findIndex((run) => run.out === from),
    ...(keepEpochs === undefined ? {} : { keepEpochs }),
  }));
}
