import { isDeepStrictEqual } from 'node:util';
import {
  grouped,
  outcomeOf,
  type OverSeeds,
  type SeedOutcome,
  summarizeOutcomes,
} from '../../experiments/runs/overSeeds.js';
import type { JobStatus } from './jobs.js';
import { type SweepJob, variedNames } from './plan.js';

/** One finished run of a sweep. Accuracies are fractions. */
export interface CollectedRun extends Omit<SeedOutcome, 'run'> {
  readonly index: number;
  readonly entry: string;
  readonly method: string;
  /** The settings that differ within the sweep, with those of the run that it starts from. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The finished runs of an entry with the same settings, over seeds. */
export interface CollectedRow extends OverSeeds, Pick<CollectedRun, 'entry' | 'method' | 'settings'> {
  readonly seeds: readonly number[];
}

export interface SweepTable {
  readonly runs: readonly CollectedRun[];
  readonly rows: readonly CollectedRow[];
  /** Jobs without a result yet. */
  readonly unfinished: readonly number[];
}

/** The finished runs of a sweep, and their means over seeds. */
export function collectSweep(statuses: readonly JobStatus[]): SweepTable {
  const jobs = statuses.map(({ job }) => job);
  const runs = statuses.flatMap(({ job, result }): CollectedRun[] => {
    if (result === undefined) return [];
    const { index, entry, method } = job;
    const { seed, run: _run, ...outcome } = outcomeOf(job.seed, job.out, result);
    return [{ index, entry, method, seed, settings: variedSettings(job, jobs), ...outcome }];
  });
  const isSame = (run: CollectedRun, other: CollectedRun): boolean =>
    run.entry === other.entry && isDeepStrictEqual(run.settings, other.settings);
  const rows = grouped(runs, (run, [one]) => isSame(run, one)).map((ofRow): CollectedRow => {
    const { entry, method, settings } = ofRow[0];
    const seeds = ofRow.map(({ seed }) => seed);
    return { entry, method, settings, seeds, ...summarizeOutcomes(ofRow) };
  });
  const unfinished = statuses.filter(({ result }) => result === undefined).map(({ job }) => job.index);
  return { runs, rows, unfinished };
}

function variedSettings(job: SweepJob, jobs: readonly SweepJob[]): Record<string, unknown> {
  const ofEntry = variedNames(jobs.filter(({ entry }) => entry === job.entry));
  const own = Object.fromEntries(ofEntry.map((name) => [name, job.settings[name]]));
  const source = job.from === null ? undefined : jobs[job.from];
  if (!source) return own;
  const inherited = Object.entries(variedSettings(source, jobs));
  const named = inherited.map(([name, value]) => [`${source.entry}.${name}`, value] as const);
  return { ...own, ...Object.fromEntries(named) };
}
