import { resolve } from 'node:path';
import { SPLITS } from '../data/split.js';
import type { SessionOptions } from '../experiments/traceSession.js';
import type { JobOptions } from '../progress.js';
import { plain } from '../report/text.js';
import { hasToBeTrained, type Part1Options } from '../reproduce/part1.js';
import { sweepStatus } from '../reproduce/sweep/jobs.js';
import type { SweepPlan } from '../reproduce/sweep/plan.js';
import { defaultInWords, defaultsOf, inWords, type SettingsTable } from '../settings/setting.js';
import { methodNamed } from '../train/methods.js';
import type { EpochOptions, RunStart } from '../train/runOptions.js';
import type { Output } from './output.js';

/** A command's resolved settings and counts. Nothing is computed or written. */
interface DryRun {
  readonly title: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Such as images of each split, or runs of each method. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Prints a dry run. */
export function printDryRun(output: Output, run: DryRun): void {
  const lines = [...Object.entries(run.settings), ...Object.entries(run.counts)]
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${inWords(value)}`);
  output.result([`${run.title}:`, ...lines, 'Nothing was written.'].join('\n'), run);
}

/** The training of one run. Throws what training throws before its first step. */
export async function trainDryRun(
  options: EpochOptions,
  control: JobOptions,
  method: string,
): Promise<DryRun> {
  let begun: RunStart | undefined;
  const stopped = new Error('A dry run ends before anything is written');
  const onStart = (start: RunStart): void => {
    begun = start;
    throw stopped;
  };
  await methodNamed(method)
    .train({ ...options, ...control, onStart })
    .catch((error: unknown) => {
      if (error !== stopped) throw error;
    });
  const { config, dataset, out } = begun as RunStart;
  const { command, ...settings } = config;
  return {
    title: `${command} would write ${plain(out)}`,
    settings,
    counts: Object.fromEntries(SPLITS.map((split) => [`${split} images`, dataset.splits[split].length])),
  };
}

/** The runs of a list of jobs that are not finished. */
export async function jobsDryRun(plan: SweepPlan): Promise<DryRun> {
  const statuses = await sweepStatus(plan);
  const counts: Record<string, number> = {};
  for (const { state, job } of statuses) {
    if (state === 'finished') continue;
    const { method, settings } = job;
    const { protocol = 'article', epochs } = settings as Pick<EpochOptions, 'protocol'> & { epochs?: number };
    const byDefault = defaultsOf(methodNamed(method).settings, protocol) as { readonly epochs?: number };
    counts[`${method} runs`] = (counts[`${method} runs`] ?? 0) + 1;
    counts[`${method} epochs`] = (counts[`${method} epochs`] ?? 0) + (epochs ?? byDefault.epochs ?? 0);
  }
  const finished = statuses.filter(({ state }) => state === 'finished').length;
  return {
    title: `${statuses.length} runs on ${plan.data}, ${finished} of them finished`,
    settings: {},
    counts,
  };
}

/** A trace; settings that follow from the run are in words. */
export function traceDryRun(
  name: string,
  table: SettingsTable,
  options: Pick<SessionOptions, 'run' | 'protocol'>,
): DryRun {
  const { run, protocol = 'article' } = options;
  const given = options as Readonly<Record<string, unknown>>;
  const settings = Object.entries(table).map(([setting, entry]): [string, unknown] => [
    setting,
    given[setting] ?? defaultInWords(entry, protocol),
  ]);
  return {
    title: `trace ${name} would read ${resolve(run)}`,
    settings: { protocol, ...Object.fromEntries(settings) },
    counts: {},
  };
}

/** The models of Part I. Throws `USAGE` if one is missing that cannot be trained. */
export async function part1DryRun(
  options: Pick<Part1Options, 'data' | 'erm'>,
  runs: readonly string[],
): Promise<DryRun> {
  const untrained = await Promise.all(runs.map((run) => hasToBeTrained({ ...options, run })));
  const missing = untrained.filter(Boolean).length;
  return {
    title: `Figures of ${runs.length} models`,
    settings: {},
    counts: { 'trained models': runs.length - missing, 'models to train': missing },
  };
}
