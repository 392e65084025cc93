import { summarizeSeeds, type SeedSummary } from '../../metrics/seeds.js';
import type { JobStatus } from './jobs.js';
import { variedNames, type SweepJob } from './plan.js';

/** One finished run of a sweep. Accuracies are fractions. */
export interface CollectedRun {
  readonly index: number;
  readonly entry: string;
  readonly method: string;
  readonly seed: number;
  /** The settings that differ within the sweep; of a run that starts from another one, also those of that one. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly bestEpoch: number;
  readonly valWorstGroupAccuracy: number;
  readonly testWorstGroupAccuracy: number;
  readonly testAverage: number;
  /** Test accuracy of each group, [numGroups]. */
  readonly testAccuracy: readonly number[];
}

/** The finished runs of an entry with the same settings, over seeds. */
export interface CollectedRow extends Pick<CollectedRun, 'entry' | 'method' | 'settings'> {
  readonly seeds: readonly number[];
  readonly valWorstGroupAccuracy: SeedSummary;
  readonly testWorstGroupAccuracy: SeedSummary;
  readonly testAverage: SeedSummary;
}

export interface SweepTable {
  readonly runs: readonly CollectedRun[];
  readonly rows: readonly CollectedRow[];
  /** Jobs without a result yet. */
  readonly unfinished: readonly number[];
}

/** Gathers what the finished runs of a sweep gave, run by run and over seeds. */
export function collectSweep(statuses: readonly JobStatus[]): SweepTable {
  const jobs = statuses.map(({ job }) => job);
  const runs = statuses.flatMap(({ job, result }): CollectedRun[] =>
    result === undefined
      ? []
      : [
          {
            ...{ index: job.index, entry: job.entry, method: job.method, seed: job.seed },
            settings: variedSettings(job, jobs),
            bestEpoch: result.bestEpoch,
            valWorstGroupAccuracy: result.val.worstGroupAccuracy,
            testWorstGroupAccuracy: result.test.worstGroupAccuracy,
            testAverage: result.test.average,
            testAccuracy: result.test.accuracy,
          },
        ],
  );
  return {
    runs,
    rows: rowsOf(runs),
    unfinished: statuses.filter(({ result }) => result === undefined).map(({ job }) => job.index),
  };
}

function rowsOf(runs: readonly CollectedRun[]): CollectedRow[] {
  const groups = new Map<string, CollectedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.entry, run.settings]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return [...groups.values()].map((ofRow) => {
    const over = (key: 'valWorstGroupAccuracy' | 'testWorstGroupAccuracy' | 'testAverage') =>
      summarizeSeeds(ofRow.map((run) => run[key]));
    const { entry, method, settings } = ofRow[0] as CollectedRun;
    return {
      ...{ entry, method, settings, seeds: ofRow.map(({ seed }) => seed) },
      valWorstGroupAccuracy: over('valWorstGroupAccuracy'),
      testWorstGroupAccuracy: over('testWorstGroupAccuracy'),
      testAverage: over('testAverage'),
    };
  });
}

function variedSettings(job: SweepJob, jobs: readonly SweepJob[]): Record<string, unknown> {
  const ofEntry = variedNames(jobs.filter(({ entry }) => entry === job.entry));
  const own = Object.fromEntries(ofEntry.map((name) => [name, job.settings[name]]));
  const source = job.from === null ? undefined : jobs[job.from];
  if (!source) return own;
  const inherited = Object.entries(variedSettings(source, jobs));
  return {
    ...own,
    ...Object.fromEntries(inherited.map(([name, value]) => [`${source.entry}.${name}`, value])),
  };
}
