import { numericOptions } from '../native/engine.js';
import type { JobOptions } from '../progress.js';
import type { Protocol } from '../protocol.js';
import { sweepStatus, type JobStatus } from '../reproduce/sweep/jobs.js';
import type { SweepJob, SweepPlan } from '../reproduce/sweep/plan.js';
import { defaultsOf } from '../settings/setting.js';
import type { MethodOptions } from '../train/method.js';
import { erm } from '../train/methods/erm.js';
import { methodNamed } from '../train/methods.js';
import { closingLines, peakMemory } from './calibration.js';
import { dryRun, imagesLine, type DryRun } from './dryRun.js';
import { durationText } from './output.js';

/** The runs of one way to train that are not finished, and what they would take. */
export interface RunsOfMethod {
  readonly method: string;
  readonly runs: number;
  /** Of all these runs. */
  readonly epochs: number;
  /** null where no epoch began within the calibration. */
  readonly seconds: number | null;
  /**
   * By what `seconds` was told: some seconds of such a run, or, where the runs that these start from are not there yet, of ERM: as
   * many of its epochs as an example has views. What has no epochs (DFR) is told by ERM's reading of the splits.
   */
  readonly toldBy: 'own' | 'erm';
}

/** What the runs of a study would be, and would take on this machine. */
export interface StudyDryRun {
  readonly plan: SweepPlan;
  readonly finished: number;
  readonly methods: readonly RunsOfMethod[];
  readonly images: DryRun['images'] | null;
  /** null where one of its methods has none. */
  readonly seconds: number | null;
  readonly peakBytes: number;
}

/** A job, and what some seconds of it tell. */
interface Estimate {
  readonly job: SweepJob;
  readonly run: DryRun;
}

/** Tells what a plan's unfinished jobs take by some seconds of training of each method, in folders that are removed. */
export async function studyDryRun(
  plan: SweepPlan,
  options: MethodOptions,
  control: JobOptions,
): Promise<StudyDryRun> {
  const statuses = await sweepStatus(plan);
  const open = statuses.filter(({ state }) => state !== 'finished');
  const estimates = new Map<string, Estimate>();
  for (const { job } of open) {
    if (estimates.has(job.method) || !canBegin(job, statuses) || !hasEpochs(job)) continue;
    estimates.set(job.method, { job, run: await dryRunOf(job, plan, options, control) });
  }
  const methods = [...new Set(open.map(({ job }) => job.method))].map((method) =>
    estimateOf(
      open.map(({ job }) => job).filter((job) => job.method === method),
      estimates,
    ),
  );
  const [first] = estimates.values();
  return {
    plan,
    finished: statuses.length - open.length,
    methods,
    images: first?.run.images ?? null,
    seconds: sumOf(methods.map(({ seconds }) => seconds)),
    peakBytes: peakMemory(),
  };
}

function canBegin({ from }: SweepJob, statuses: readonly JobStatus[]): boolean {
  return from === null || statuses[from]?.state === 'finished';
}

function hasEpochs({ method }: SweepJob): boolean {
  return 'epochs' in methodNamed(method).settings;
}

function dryRunOf(
  { method, settings, seed, out, from, keepEpochs }: SweepJob,
  plan: SweepPlan,
  options: MethodOptions,
  control: JobOptions,
): Promise<DryRun> {
  const start = from === null ? undefined : plan.jobs[from]?.out;
  const { data, datasetOptions } = plan;
  return dryRun(
    {
      ...{ ...options, ...numericOptions(plan), data, datasetOptions, ...settings },
      ...{ keepEpochs, seed, out, from: start },
    },
    control,
    (tried) => methodNamed(method).train(tried),
  );
}

function estimateOf(jobs: readonly SweepJob[], estimates: ReadonlyMap<string, Estimate>): RunsOfMethod {
  const method = jobs[0]?.method ?? '';
  const own = estimates.get(method);
  const told = own ?? estimates.get(erm.name);
  return {
    ...{ method, runs: jobs.length, epochs: jobs.reduce((sum, job) => sum + epochsOf(job), 0) },
    seconds: sumOf(jobs.map((job) => told && secondsOf(told, job))),
    toldBy: own ? 'own' : 'erm',
  };
}

/** A job's time by another's, whose epochs take longer the more views of an example they have. */
function secondsOf({ job: timed, run }: Estimate, job: SweepJob): number | null {
  const { secondsPerEpoch, seconds, config } = run;
  if (secondsPerEpoch === null || seconds === null) return null;
  const readings = seconds - (config.epochs ?? 0) * secondsPerEpoch;
  return (epochsOf(job) * secondsPerEpoch * viewsOf(job)) / viewsOf(timed) + readings;
}

function epochsOf({ method, settings }: SweepJob): number {
  const { protocol = 'article', epochs } = settings as {
    readonly protocol?: Protocol;
    readonly epochs?: number;
  };
  const byDefault = defaultsOf(methodNamed(method).settings, protocol) as { readonly epochs?: number };
  return epochs ?? byDefault.epochs ?? 0;
}

/** Fine-tuning computes both views of an example, or one where nothing is contrasted. */
function viewsOf({ from, settings }: SweepJob): number {
  return from === null || (settings as { readonly contrast?: boolean }).contrast === false ? 1 : 2;
}

function sumOf(values: readonly (number | null | undefined)[]): number | null {
  return values.reduce<number | null>(
    (sum, value) => (sum === null || value === null || value === undefined ? null : sum + value),
    0,
  );
}

/** A dry run for people. */
export function studyDryRunText({
  plan,
  finished,
  methods,
  images,
  seconds,
  peakBytes,
}: StudyDryRun): string {
  const count = (number: number): string => number.toLocaleString('en');
  return [
    `${count(plan.jobs.length)} runs on ${plan.data}, ${count(finished)} of them finished:`,
    ...methods.map(
      ({ method, runs, epochs, seconds: each, toldBy }) =>
        `  ${method}: ${count(runs)} runs, ${count(epochs)} epochs in all, ${each === null ? 'time not told' : `about ${durationText(each)}`}` +
        (toldBy === 'erm' ? ' by ERM’s time' : ''),
    ),
    ...(images ? [imagesLine(images)] : []),
    seconds === null ? 'Time: not told' : `Time: about ${durationText(seconds)} on this machine`,
    ...closingLines(peakBytes),
  ].join('\n');
}
