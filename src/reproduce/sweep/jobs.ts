import { numericOptions, type EngineOptions } from '../../native/engine.js';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { datasetOf, type Dataset } from '../../data/dataset.js';
import { SpurmemError } from '../../errors.js';
import { isLocked, tryLock } from '../../lock.js';
import { throwIfAborted } from '../../progress.js';
import type { MethodOptions } from '../../train/method.js';
import { methodNamed } from '../../train/methods.js';
import type { TrainedRun } from '../../train/results.js';
import { RunFolder } from '../../train/runFolder.js';
import { isBusy, runState, type RunState } from '../../train/runState.js';
import type { EpochOptions } from '../../train/trainRun.js';
import { figuresNamed } from '../articleFigures.js';
import { reproducePart1 } from '../part1.js';
import type { SweepJob, SweepPlan } from './plan.js';

/** How often a job looks whether another process is still at its run. */
const POLL_MS = 500;

/** How far a job is. */
export interface JobStatus extends RunState {
  readonly job: SweepJob;
}

/** What a job takes besides its plan. */
export type SweepJobOptions = Pick<
  EpochOptions,
  keyof EngineOptions | 'signal' | 'onProgress' | 'onInfo' | 'onWarning' | 'onEpoch'
>;

/**
 * Runs one job of a plan: trains its run, goes on with one that was stopped, or takes one that is finished. The run that it starts
 * from is trained before. What another process is at is waited for, and taken.
 *
 * @throws `USAGE` when there is no such job, and what training and tracing throw
 */
export async function runSweepJob(
  plan: SweepPlan,
  index: number,
  options: SweepJobOptions = {},
): Promise<TrainedRun> {
  const job = plan.jobs[index];
  if (!job) {
    throw new SpurmemError('USAGE', `\`index\` is ${index}, and the plan has ${plan.jobs.length} jobs.`, {
      ...{ parameter: 'index', value: index, expected: `0 to ${plan.jobs.length - 1}` },
    });
  }
  // Once for the run and those that it starts from.
  const data = await datasetOf(plan.data, plan.datasetOptions);
  return runJob(plan, job, data, options);
}

/** Where every job of a plan stands. */
export async function sweepStatus(plan: SweepPlan): Promise<JobStatus[]> {
  return Promise.all(plan.jobs.map(statusOf));
}

async function runJob(
  plan: SweepPlan,
  job: SweepJob,
  data: Dataset,
  options: SweepJobOptions,
): Promise<TrainedRun> {
  const source = job.from === null ? undefined : plan.jobs[job.from];
  if (source) {
    const isThere = (await statusOf(source)).state === 'finished';
    if (!isThere) options.onInfo?.(`Job ${job.index} starts from job ${source.index}, which is run first.`);
    await runJob(plan, source, data, options);
  }
  for (let isTold = false; ; isTold = true) {
    try {
      return await trainJob(job, { ...options, ...numericOptions(plan), data, from: source?.out });
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
  { from, onEpoch, ...options }: MethodOptions,
): Promise<TrainedRun> {
  const trained =
    // As in Part I, figures are made of any run that is finished.
    (figures && (await finishedRun(out))) ??
    (await methodNamed(method).train({
      ...{ ...options, onEpoch, ...settings, keepEpochs },
      ...{ seed, from, out, resume: true },
    }));
  if (figures) {
    await alone(out, () =>
      reproducePart1({
        ...{ ...options, ...figures.settings, seed, run: out },
        figures: figuresNamed(figures.names),
        onStep: options.onInfo,
      }),
    );
  }
  return trained;
}

async function statusOf(job: SweepJob): Promise<JobStatus> {
  const folder = new RunFolder(job.out);
  const ofRun = await runState(folder);
  if (ofRun.state !== 'finished' || (await hasFigures(folder, job))) return { job, ...ofRun };
  const state = (await isUnderWay(job)) ? 'running' : 'stopped';
  return { job, state, epochs: ofRun.epochs, result: undefined };
}

async function isUnderWay({ out }: SweepJob): Promise<boolean> {
  return (await isBusy(new RunFolder(out))) || (await isLocked(figuresLock(out)));
}

async function hasFigures(folder: RunFolder, { figures }: SweepJob): Promise<boolean> {
  const made = await Promise.all((figures?.names ?? []).map((name) => folder.readResult(name)));
  return made.every((figure) => figure !== undefined);
}

async function finishedRun(out: string): Promise<TrainedRun | undefined> {
  const result = await new RunFolder(out).readTrainingResult();
  return result && { ...result, run: out };
}

/** What a process holds that makes a run's figures: a trace locks the run's folder only where it writes. */
function figuresLock(out: string): string {
  return join(out, 'results', '.figures.lock');
}

async function alone(out: string, job: () => Promise<unknown>): Promise<void> {
  const lock = await tryLock(figuresLock(out));
  if (!lock) throw new SpurmemError('RUN_BUSY', `Another process is tracing ${out}.`);
  try {
    await job();
  } finally {
    await lock.release();
  }
}
