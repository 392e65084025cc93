import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { throwIfAborted } from '../progress.js';
import { unwritable } from '../files.js';
import { systemCode } from '../errors.js';

/** The name of the lock in a folder that is being built. */
export const LOCK_NAME = 'build.lock';

/** A lock not refreshed for this long belongs to a process that was killed. */
const STALE_MS = 20_000;
const REFRESH_MS = 5_000;
const POLL_MS = 250;

/** A folder that several processes may want to build, and only one should. */
export interface BuildOnceSteps<T> {
  /** What is being built, as in `decoding images`, for the message when it is stopped. */
  readonly task: string;
  /** The finished result when there is one. Called without and with the lock. */
  ready(): Promise<T | undefined>;
  /** Builds the result. Called with the lock held, after `ready` found nothing. */
  build(): Promise<T>;
}

/**
 * Returns the finished result, or builds it while holding the folder's lock. Other callers, in this process or
 * another, wait and take what the first one built. The folder must exist.
 *
 * @throws SpurmemError `INTERRUPTED` when aborted while waiting, `OUTPUT_UNWRITABLE` when the lock cannot be made,
 *   and what `build` throws.
 */
export async function buildOnce<T>(
  folder: string,
  steps: BuildOnceSteps<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  for (;;) {
    const finished = await steps.ready();
    if (finished !== undefined) return finished;
    throwIfAborted(signal, steps.task);
    const lock = await tryLock(folder);
    if (lock === undefined) {
      await sleep(POLL_MS);
      continue;
    }
    try {
      return (await steps.ready()) ?? (await steps.build());
    } catch (error) {
      // A process that was suspended for long loses its lock, and the new owner may have removed its files.
      if (!lock.isLost()) throw error;
    } finally {
      await lock.release();
    }
  }
}

interface Lock {
  isLost(): boolean;
  release(): Promise<void>;
}

/** Takes the lock, or returns undefined when another holds it. */
async function tryLock(folder: string): Promise<Lock | undefined> {
  let lost = false;
  try {
    const release = await lockfile.lock(folder, {
      lockfilePath: `${folder}/${LOCK_NAME}`,
      realpath: false,
      stale: STALE_MS,
      update: REFRESH_MS,
      // The default throws outside any promise, which would end the process.
      onCompromised: () => {
        lost = true;
      },
    });
    return {
      isLost: () => lost,
      release: async () => {
        // Failing to release means that the lock was lost: there is nothing left to release.
        await release().catch(() => undefined);
      },
    };
  } catch (error) {
    if (systemCode(error) === 'ELOCKED') return undefined;
    throw unwritable(error, folder);
  }
}
