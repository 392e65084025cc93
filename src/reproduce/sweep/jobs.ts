import { SpurmemError } from '../../errors.js';
import { methodNamed } from '../../train/methods.js';
import type { TrainedRun } from '../../train/results.js';
import { RunFolder } from '../../train/runFolder.js';
import { runState, type RunState } from '../../train/runState.js';
import type { EpochOptions } from '../../train/trainRun.js';
import type { SweepJob, SweepPlan } from './plan.js';

/** How far a job is. */
export interface JobStatus extends RunState {
  readonly job: SweepJob;
}

/**
 * Runs one job of a plan: trains its run, goes on with one that was stopped, or takes one that is finished.
 *
 * @throws `USAGE` when there is no such job, `RUN_NOT_FOUND` when the run that it starts from is not finished, `RUN_BUSY` when another
 *   process runs it, and what training throws
 */
export async function runSweepJob(
  plan: SweepPlan,
  index: number,
  options: Pick<
    EpochOptions,
    'device' | 'threads' | 'memoryFormat' | 'signal' | 'onProgress' | 'onWarning' | 'onEpoch'
  > = {},
): Promise<TrainedRun> {
  const job = plan.jobs[index];
  if (!job) {
    throw new SpurmemError('USAGE', `\`index\` is ${index}, and the plan has ${plan.jobs.length} jobs.`, {
      ...{ parameter: 'index', value: index, expected: `0 to ${plan.jobs.length - 1}` },
    });
  }
  const source = job.from === null ? undefined : plan.jobs[job.from];
  if (source && (await statusOf(source)).state !== 'finished') {
    throw new SpurmemError(
      'RUN_NOT_FOUND',
      `Job ${index} starts from ${source.out}, which is not finished.`,
      {
        advice: [`Run job ${source.index} first.`],
      },
    );
  }
  return methodNamed(job.method).train({
    ...options,
    ...{ data: plan.data, seed: job.seed, out: job.out, from: source?.out, resume: true },
    ...job.settings,
  });
}

/** Where every job of a plan stands. */
export async function sweepStatus(plan: SweepPlan): Promise<JobStatus[]> {
  return Promise.all(plan.jobs.map(statusOf));
}

async function statusOf(job: SweepJob): Promise<JobStatus> {
  return { job, ...(await runState(new RunFolder(job.out))) };
}
