import { basename, dirname } from 'node:path';
import { SpurmemError } from './errors.js';
import { append, removeLeftovers, writeAtomic } from './files.js';
import { awaitLock } from './lock.js';
import type { JobOptions } from './progress.js';

const PATIENCE_MS = 30_000;

/**
 * Runs a job that writes a file while holding the file's lock. Creates the file, empty, if it is missing, and removes leftovers of killed
 * processes. Throws `RUN_BUSY` if another process holds it for half a minute, `OUTPUT_UNWRITABLE` if the folder takes no lock,
 * `INTERRUPTED`, and what the job throws.
 */
export async function writeAlone<Result>(
  path: string,
  job: () => Promise<Result>,
  options: JobOptions,
): Promise<Result> {
  const lock = await awaitLock(`${path}.lock`, PATIENCE_MS, options);
  if (!lock) throw new SpurmemError('RUN_BUSY', `Another process is writing to ${path}.`);
  return lock.during(async () => {
    await removeLeftovers(dirname(path), (name) => name === basename(path));
    // NFS may have cached that the file is missing: opening it to write asks the server.
    await append(path, '');
    return job();
  });
}

/** Writes a whole file while holding its lock. Throws as `writeAlone` and `writeAtomic`. */
export async function writeFileAlone(path: string, content: string): Promise<void> {
  await writeAlone(path, () => writeAtomic(path, content), {});
}
