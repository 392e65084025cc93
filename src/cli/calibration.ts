import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';

/** How long a job runs to tell the time of one of its units, in milliseconds. */
export const CALIBRATION_MS = 8000;

/** The most memory that this process held, in bytes. */
export function peakMemory(): number {
  return process.resourceUsage().maxRSS * 1024;
}

/** What a dry run for people ends with. */
export function closingLines(peakBytes: number): string[] {
  return [`Memory: ${(peakBytes / 1e9).toFixed(2)} GB at most so far`, 'Nothing was written.'];
}

/** What a calibrated job is given. */
export interface Calibration {
  /** A folder that is removed afterwards. */
  readonly scratch: string;
  /** Aborted once there is enough, or by the caller. */
  readonly signal: AbortSignal;
}

/**
 * Runs a job until it ends or there is enough of it.
 *
 * @param enough stops the job
 * @throws what the job throws, but for its stop
 */
export async function calibrate(
  control: JobOptions,
  enough: AbortController,
  job: (calibration: Calibration) => Promise<unknown>,
): Promise<void> {
  await withScratch((scratch) =>
    untilEnough(control, () => job({ scratch, signal: anySignal(enough, control) })),
  );
}

/** Gives a job a folder that is removed afterwards. */
export async function withScratch<Result>(job: (scratch: string) => Promise<Result>): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), 'spurmem-dry-run-'));
  try {
    return await job(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Aborted once there is enough, or by the caller. */
export function anySignal(enough: AbortController, { signal }: JobOptions): AbortSignal {
  return AbortSignal.any([enough.signal, ...(signal ? [signal] : [])]);
}

/** Runs a job until it ends or is stopped. Throws what it throws, but for its stop where the caller did not ask for that. */
export async function untilEnough(control: JobOptions, job: () => Promise<unknown>): Promise<void> {
  try {
    await job();
  } catch (error) {
    const isStopped = error instanceof SpurmemError && error.code === 'INTERRUPTED';
    if (!isStopped || control.signal?.aborted === true) throw error;
  }
}
