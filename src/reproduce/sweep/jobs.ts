import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dataset, datasetOf } from '../../data/dataset.js';
import { inScope, SpurmemError } from '../../errors.js';
import { isLocked, tryLock } from '../../lock.js';
import { type EngineOptions, numericOptions } from '../../native/engine.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { methodNamed } from '../../train/methods.js';
import type { TrainedRun } from '../../train/results.js';
import { RunFolder, type RunState, runState } from '../../train/runFolder.js';
import type { EpochOptions } from '../../train/runOptions.js';
import * as z from '../../zod.js';
import { figuresNamed } from '../articleFigures.js';
import { reproducePart1 } from '../part1.js';
import type { SweepJob, SweepPlan } from './plan.js';

/** The time between two looks whether another process is still at a job's run. */
const POLL_MS = 500;

export interface JobStatus extends RunState {
  readonly job: SweepJob;
}

/** The options of a job besides its plan. */
type SweepJobOptions = EngineOptions & JobOptions & Pick<EpochOptions, 'onEpoch' | 'tensorboard'>;

/** Trains, resumes or reuses a job's run, parents first; waits while another process trains one. Throws `USAGE` for a wrong index. */
export async function runSweepJob(
  plan: SweepPlan,
  index: number,
  options: SweepJobOptions = {},
): Promise<TrainedRun> {
  const job = plan.jobs[index];
  if (!job) {
    const { length } = plan.jobs;
    throw new SpurmemError('USAGE', `\`index\` is ${index}, and the plan has ${length} jobs.`, {
      parameter: 'index',
      value: index,
      expected: `0 to ${length - 1}`,
    });
  }
  // Once for the run and those that it starts from.
  const data = await datasetOf(plan.data, plan.datasetOptions);
  for (const { index: at, from } of chainOf(plan.jobs, job).reverse()) {
    const source = from === null ? undefined : plan.jobs[from];
    if (!source || (await statusOf(source)).state === 'finished') continue;
    options.onInfo?.(`Job ${at} starts from job ${source.index}, which is run first.`);
  }
  return runJob(plan.jobs, job, { ...options, ...numericOptions(plan), data });
}

/** Runs a job of a list after those that it starts from; `scopeOf` names the caller's options that a job's settings are, for errors. */
export async function runJob(
  jobs: readonly SweepJob[],
  job: SweepJob,
  options: EpochOptions & { readonly data: Dataset },
  scopeOf?: (job: SweepJob) => string,
): Promise<TrainedRun> {
  let last: TrainedRun | undefined;
  for (const one of chainOf(jobs, job)) {
    const from = one.from === null ? undefined : jobs[one.from]?.out;
    const train = (): Promise<TrainedRun> => runWhenFree(one, { ...options, from });
    last = await (scopeOf ? inScope(scopeOf(one), methodNamed(one.method).settings, train) : train());
  }
  return last as TrainedRun;
}

/** The state of each job's run. Throws `RUN_EXISTS` where a folder holds a run of other settings. */
export async function sweepStatus(plan: SweepPlan): Promise<JobStatus[]> {
  // Of several wrong jobs, the first by index is named.
  const settled = await Promise.allSettled(plan.jobs.map(statusOf));
  return settled.map((status) => {
    if (status.status === 'rejected') throw status.reason;
    return status.value;
  });
}

/** The jobs that a job starts from, in their order, and itself. */
function chainOf(jobs: readonly SweepJob[], job: SweepJob): SweepJob[] {
  const source = job.from === null ? undefined : jobs[job.from];
  return source ? [...chainOf(jobs, source), job] : [job];
}

async function runWhenFree(job: SweepJob, options: EpochOptions): Promise<TrainedRun> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await trainJob(job, options);
    } catch (error) {
      if (!(error instanceof SpurmemError) || error.code !== 'RUN_BUSY') throw error;
      if (!isTold) options.onInfo?.(`${error.problem} Job ${job.index} waits for it.`);
    }
    do {
      throwIfAborted(options.signal, `the wait for ${job.out}`);
      await sleep(POLL_MS);
    } while (await isUnderWay(job));
  }
}

/** Trains a job's run and makes its figures. Throws `RUN_BUSY`. */
async function trainJob(
  { method, settings, seed, out, keepEpochs, figures }: SweepJob,
  { from, onEpoch, tensorboard, ...options }: EpochOptions,
): Promise<TrainedRun> {
  const own = { ...settings, keepEpochs, seed, from, out, tensorboard };
  // As in Part I, figures are made of any run that is finished.
  const finished = figures && (await new RunFolder(out).readTrainingResult());
  const trained = finished
    ? { ...finished, run: out }
    : await methodNamed(method).train({ ...options, onEpoch, ...own, resume: true });
  if (figures) {
    const lock = await tryLock(figuresLock(out));
    if (!lock) throw new SpurmemError('RUN_BUSY', `Another process is tracing ${out}.`);
    const asked = { ...options, ...figures.settings, seed, run: out, figures: figuresNamed(figures.names) };
    try {
      await reproducePart1({ ...asked, onStep: options.onInfo });
    } finally {
      await lock.release();
    }
  }
  return trained;
}

async function statusOf(job: SweepJob): Promise<JobStatus> {
  const folder = new RunFolder(job.out);
  const ofRun = await runState(folder);
  const { epochs, result } = ofRun;
  if (job.figures === undefined && (epochs > 0 || result !== undefined)) await requireRunOf(job, folder);
  const wanted = job.settings.epochs;
  // One of fewer epochs, which goes on.
  if (result && typeof wanted === 'number' && result.epochs < wanted && result.ended !== true)
    return { job, state: 'stopped', epochs, result: undefined };
  if (ofRun.state !== 'finished' || (await hasFigures(folder, job))) return { job, ...ofRun };
  const state = (await isUnderWay(job)) ? 'running' : 'stopped';
  return { job, state, epochs, result: undefined };
}

/** Throws `RUN_EXISTS` where a job's folder holds a run of another seed, or of other numbers than the plan has. */
async function requireRunOf({ index, seed, settings, out }: SweepJob, folder: RunFolder): Promise<void> {
  const config: Readonly<Record<string, unknown>> = { ...(await folder.readConfig())?.config };
  const wanted: Readonly<Record<string, unknown>> = { ...settings, seed };
  const other = Object.entries(wanted).find(
    ([name, value]) =>
      // A run goes on to more epochs, and not back to fewer.
      (name !== 'epochs' || Number(config[name]) > Number(value)) &&
      typeof value === 'number' &&
      typeof config[name] === 'number' &&
      config[name] !== value,
  );
  if (other === undefined) return;
  const [name, value] = other;
  const problem = `Job ${index}: ${out} holds a run with ${name} ${String(config[name])}, and the plan has ${String(value)}.`;
  throw new SpurmemError('RUN_EXISTS', problem, {
    advice: ['Plan into another `out`, or move that run away.'],
  });
}

async function isUnderWay({ out }: SweepJob): Promise<boolean> {
  return (await new RunFolder(out).isBusy()) || (await isLocked(figuresLock(out)));
}

async function hasFigures(folder: RunFolder, { figures }: SweepJob): Promise<boolean> {
  const names = figures?.names ?? [];
  const made = await Promise.all(names.map((name) => folder.readResult(name, z.looseObject({}))));
  return made.every((figure) => figure !== undefined);
}

/** The lock of a process that makes a run's figures: a trace locks the run's folder only where it writes. */
function figuresLock(out: string): string {
  return join(out, 'results', '.figures.lock');
}
