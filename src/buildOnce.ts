import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked, tryLock } from './lock.js';
import { throwIfAborted } from './progress.js';

/** The name of the lock in a folder that is being built. */
export const LOCK_NAME = 'build.lock';

const POLL_MS = 250;

/** A folder or file that several processes may need, and only one should build. */
interface BuildOnceSteps<T> {
  /** The task, such as `decoding images`, for the message when it is stopped. */
  readonly task: string;
  /** Returns the finished result if there is one. Called without and with the lock. */
  ready(): Promise<T | undefined>;
  /** Called once when another caller is found at work; default: nothing. */
  waits?(): void;
  /** Builds the result. Called with the lock held, after `ready` found nothing. */
  build(): Promise<T>;
}

/** As `buildAlone`, with the lock of the folder, which must exist. */
export async function buildOnce<T>(
  folder: string,
  steps: BuildOnceSteps<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return buildAlone(join(folder, LOCK_NAME), steps, signal);
}

/**
 * Returns the finished result, or builds it while holding the lock. Other callers, in any process, wait for that
 * result.
 *
 * @throws SpurmemError `INTERRUPTED` when aborted while waiting, `OUTPUT_UNWRITABLE` when the lock cannot be made, and what `build` throws
 */
export async function buildAlone<T>(
  lockPath: string,
  steps: BuildOnceSteps<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (let waits = false; ;) {
    const finished = await steps.ready();
    if (finished !== undefined) return finished;
    throwIfAborted(signal, steps.task);
    const lock = await tryLock(lockPath);
    if (lock !== undefined) {
      try {
        return await lock.during(async () => (await steps.ready()) ?? (await steps.build()));
      } catch (error) {
        // A process that was suspended for long loses its lock, and the new owner may have removed its files.
        if (!lock.isLost()) throw error;
      }
    }
    do {
      if (!waits) steps.waits?.();
      waits = true;
      throwIfAborted(signal, steps.task);
      await sleep(POLL_MS);
    } while (await isLocked(lockPath));
  }
}
