import { MEASURES, outcomeOf, outcomeRow } from '../../experiments/runs/overSeeds.js';
import type { Row } from '../../kit/rows.js';
import { summarize } from '../../kit/summarize.js';
import { inWords } from '../../settings/setting.js';
import type { JobStatus } from './jobs.js';
import { type SweepJob, variedNames } from './plan.js';

/** What the finished runs of a sweep gave. Accuracies are fractions. */
export interface SweepTable {
  /** A row per run: its job, the settings that differ within the sweep, its outcome. */
  readonly runs: readonly Row[];
  /** Means over seeds, a row per entry and combination of settings. */
  readonly rows: readonly Row[];
  /** Jobs without a result yet. */
  readonly unfinished: readonly number[];
}

/** The finished runs of a sweep, and their means over seeds. */
export function collectSweep(statuses: readonly JobStatus[]): SweepTable {
  const jobs = statuses.map(({ job }) => job);
  const runs = statuses.flatMap(({ job, result }): Row[] => {
    if (result === undefined) return [];
    const { index, entry, method, seed } = job;
    const settings = Object.entries(variedSettings(job, jobs)).map(
      ([name, value]) => [name, inWords(value)] as const,
    );
    const text = settings.map((setting) => setting.join(' ')).join(', ');
    const { run: _run, ...outcome } = outcomeOf(seed, job.out, result);
    return [
      { index, entry, method, settings: text, ...Object.fromEntries(settings), ...outcomeRow(outcome) },
    ];
  });
  const rows = summarize(runs, { by: ['entry', 'method', 'settings'], over: 'seed', measures: MEASURES });
  const unfinished = statuses.filter(({ result }) => result === undefined).map(({ job }) => job.index);
  return { runs, rows, unfinished };
}

/** The settings that differ within the sweep, with those of the run that a job starts from. */
function variedSettings(job: SweepJob, jobs: readonly SweepJob[]): Record<string, unknown> {
  const ofEntry = variedNames(jobs.filter(({ entry }) => entry === job.entry));
  const own = Object.fromEntries(ofEntry.map((name) => [name, job.settings[name]]));
  const source = job.from === null ? undefined : jobs[job.from];
  if (!source) return own;
  const inherited = Object.entries(variedSettings(source, jobs));
  const named = inherited.map(([name, value]) => [`${source.entry}.${name}`, value] as const);
  return { ...own, ...Object.fromEntries(named) };
}
