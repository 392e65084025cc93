import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SpurmemError } from '../errors.js';
import { awaitLock, isLocked, type Lock, type LockOwner, ownerOf, ownHost } from '../lock.js';

/** In bytes. */
const LONGEST_NAME = 255;
/** The longest that a job which only writes what it has computed waits for another one. */
const PATIENCE_MS = 30_000;

/** Locks a run's folder for all but its report; `waits` for another job that is about to end. Throws `RUN_BUSY`. */
export async function lockRun(folder: string, waits: boolean): Promise<Lock> {
  return (await awaitLock(await lockPath(folder), waits ? PATIENCE_MS : 0)) ?? (await refuse(folder));
}

/** Locks a run's report. Throws `RUN_BUSY`. */
export async function lockReport(folder: string): Promise<Lock> {
  return (await awaitLock(join(folder, 'figures', '.report.lock'), PATIENCE_MS)) ?? (await refuse(folder));
}

/** Throws `RUN_BUSY` when another process is writing to a run's folder. */
export async function requireUnlocked(folder: string): Promise<void> {
  if (await isLocked(await lockPath(folder))) await refuse(folder);
}

/** Beside the folder, by whatever name it is reached. */
async function lockPath(folder: string): Promise<string> {
  const path = await realpath(folder).catch(() => folder);
  const name = `${basename(path)}.lock`;
  if (Buffer.byteLength(name) <= LONGEST_NAME) return join(dirname(path), name);
  const short = createHash('sha256').update(name).digest('hex');
  return join(dirname(path), `${short}.lock`);
}

async function refuse(folder: string): Promise<never> {
  const owner = await ownerOf(await lockPath(folder));
  throw new SpurmemError('RUN_BUSY', `${nameOf(owner)} is writing to ${folder}.`, {
    advice: ['Wait for it to end, or use another run folder.'],
  });
}

function nameOf(owner: LockOwner | undefined): string {
  if (owner === undefined) return 'Another process';
  const isOwn = owner.pid === process.pid && owner.host === ownHost();
  return isOwn ? 'Another job of this process' : `Process ${owner.pid} of ${owner.host}`;
}
