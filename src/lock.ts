import { randomUUID } from 'node:crypto';
import { closeSync, openSync, rmdirSync, unlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { checksum } from './checksum.js';
import { SpurmemError, systemCode } from './errors.js';
import { removeFiles, unwritable, withCheck } from './files.js';
import { bootId, isGone, type LockOwner, ownHost, ownOwner, wasKilled } from './lockOwner.js';
import { type JobOptions, STOPPED_ADVICE, throwIfAborted } from './progress.js';

// A lock is a folder with one file, named by a random id, which holds the owner and a counter that the owner raises. Renaming a folder
// over a missing or empty one takes the lock; removing the file frees it. Each succeeds for one process only. No clocks or times of
// files are compared: NFS caches these for up to a minute. A folder with anything else is no lock, and stays as it is.

/** The name of a lock's file. */
const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** How its text begins; power loss may have emptied it, or cut it off. */
const OWNED = /^(?:\0*$|\{"pid":\d)/;

/**
 * How often an owner raises its counter, how long a process of another host must see it unchanged to take the lock over, how long NFS may
 * keep a removed file, how often a process looks.
 */
export const LEASE = { beatMs: 5_000, staleMs: 120_000, clearMs: 10_000, pollMs: 100 };

/** A lock that this thread holds. */
export interface Lock {
  /** Whether the lock was removed, or taken over by another host, which regards a long-suspended process as killed. */
  isLost(): boolean;
  release(): Promise<void>;
  /** Runs a job, then releases the lock. A job whose lock is lost puts no file in place. Throws `RUN_BUSY` then. */
  during<Result>(job: () => Promise<Result>): Promise<Result>;
}

/** The files of this thread's locks, by their ids. */
const held = new Map<string, string>();
process.on('exit', releaseAll);

/** Releases the locks of this thread, whose process is about to end. */
export function releaseAll(): void {
  for (const file of held.values()) {
    try {
      unlinkSync(file);
      rmdirSync(dirname(file));
    } catch {
      // Lost, or the disk fails.
    }
  }
}

/**
 * Takes a lock, a folder in no other use, or returns undefined while another job holds it. The lock of a process that was killed, or of a
 * worker thread that was terminated, is taken over: at once on the same host, and on another one after this process has seen its counter
 * unchanged for `staleMs`.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE` when it cannot be made, or the folder is no lock
 */
export async function tryLock(lockPath: string): Promise<Lock | undefined> {
  const { state, file: stale, problem } = await inspect(lockPath);
  if (problem !== undefined) throw problem;
  if (state !== 'free') return undefined;
  // Only this lock, and no later one, which has another id.
  if (stale !== undefined) await unlink(stale).catch(() => undefined);
  await removeAsides(dirname(lockPath));
  const [owner, id] = [ownOwner(), randomUUID()];
  // Not the lock's name plus a suffix, which could be too long.
  const aside = join(dirname(lockPath), `.${checksum(owner.host)}-${owner.pid}-${id.slice(0, 8)}.lock`);
  try {
    await mkdir(aside);
    await writeFile(join(aside, id), ownText(owner, 0));
    await rename(aside, lockPath);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
    if (['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) {
      // The client may have cached that it is missing: NFS asks the server again after this.
      await mkdir(lockPath)
        .then(() => rmdir(lockPath))
        .catch(() => undefined);
      await requireClearing(lockPath);
      return undefined;
    }
    throw unwritable(error, lockPath);
  }
  return heldLock(join(lockPath, id), owner);
}

/** Since when files that NFS keeps are in the way of a lock. */
const kept = new Map<string, number>();

/** Throws `OUTPUT_UNWRITABLE` if nothing but a file by a name of NFS has been in a lock's folder for `clearMs`: no process has it open. */
async function requireClearing(lockPath: string): Promise<void> {
  const names = await readdir(lockPath).catch(() => []);
  const [name = ''] = names;
  if (!names.every(isKeptByNfs) || name === '') return;
  const file = join(lockPath, name);
  const since = kept.get(file) ?? performance.now();
  kept.set(file, since);
  if (performance.now() - since > LEASE.clearMs) throw noLock(lockPath, name);
}

/** Whether NFS names a removed file that is open like that. */
const isKeptByNfs = (name: string): boolean => name.startsWith('.nfs');

/** The text of a lock's file. Its length never changes: a reader that asked for it before the counter rose still reads all of the text. */
const ownText = (owner: LockOwner, beats: number): string =>
  JSON.stringify({ ...owner, beats: String(beats).padStart(12, '0') });

/** The lock of a file in place, whose counter it raises until its release. */
function heldLock(file: string, owner: LockOwner): Lock {
  const [lockPath, id] = [dirname(file), basename(file)];
  held.set(id, file);
  let beats = 0;
  let beating = Promise.resolve();
  const beat = setInterval(() => {
    const text = ownText(owner, (beats += 1));
    // In place: a removed file stays removed.
    beating = beating.then(() => writeFile(file, text, { flag: 'r+' })).catch(() => undefined);
  }, LEASE.beatMs).unref();
  let lost: boolean | undefined;
  const isLost = (): boolean => lost ?? !isThere(file);
  const requireHeld = (): void => {
    if (!isLost()) return;
    const problem = `The lock on ${lockPath.replace(/\.lock$/, '')} was lost: it was removed, or taken by another process while this one was suspended.`;
    throw new SpurmemError('RUN_BUSY', problem, { advice: STOPPED_ADVICE });
  };
  const release = async (): Promise<void> => {
    clearInterval(beat);
    await beating;
    lost ??= await unlink(file).then(
      () => false,
      () => true,
    );
    held.delete(id);
    // Fails if another process has taken the lock meanwhile.
    await rmdir(lockPath).catch(() => undefined);
  };
  const during: Lock['during'] = async (job) => {
    try {
      return await withCheck(requireHeld, job);
    } catch (error) {
      // The new owner may have removed what this one was writing.
      requireHeld();
      throw error;
    } finally {
      await release();
    }
  };
  return { isLost, release, during };
}

/**
 * Like `tryLock`, with retries for `patience` milliseconds, and until it shows whether an owner on another host lives.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE`, `INTERRUPTED`
 */
export async function awaitLock(
  lockPath: string,
  patience: number,
  options: JobOptions = {},
): Promise<Lock | undefined> {
  const start = performance.now();
  for (;;) {
    const lock = await tryLock(lockPath);
    if (lock !== undefined) return lock;
    if (performance.now() - start >= patience && (await isHeld(lockPath, options))) return undefined;
    await sleep(LEASE.pollMs);
    throwIfAborted(options.signal, 'the wait for a lock');
  }
}

/**
 * Whether a living process holds a lock: of an owner on another host, waits until it shows.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE` if the folder is no lock, `INTERRUPTED`
 */
export async function isHeld(lockPath: string, { onInfo, signal }: JobOptions = {}): Promise<boolean> {
  for (let isFirst = true; ; isFirst = false) {
    const { state, owner, problem } = await inspect(lockPath);
    if (problem !== undefined) throw problem;
    if (state !== 'unknown') return state === 'held';
    const who = `process ${owner?.pid} of ${owner?.host}`;
    const max = LEASE.staleMs / 1000;
    if (isFirst) onInfo?.(`Waiting to see whether ${who}, which holds ${lockPath}, lives: up to ${max} s.`);
    throwIfAborted(signal, 'the wait for a lock');
    await sleep(LEASE.pollMs);
  }
}

/** Whether a job holds a lock, as far as is known: an owner on another host counts as alive until this process has watched it. */
export async function isLocked(lockPath: string): Promise<boolean> {
  return (await inspect(lockPath)).state !== 'free';
}

/** Returns the holder of a lock; undefined if it is free. */
export async function ownerOf(lockPath: string): Promise<LockOwner | undefined> {
  return (await read(lockPath))?.owner;
}

/** The locks of other hosts as this process saw them: since when the content is unchanged, and whether it ever changed. */
const watched = new Map<string, { file: string; text: string; since: number; lives: boolean }>();

/** Returns whether a lock can be taken: `unknown` is one of another host that was not seen to change. `problem`: it is no lock. */
async function inspect(lockPath: string) {
  const found = await read(lockPath);
  if (found === undefined) return { state: 'free' } as const;
  const { file, text, owner, problem } = found;
  if (file === undefined) return { state: 'free', problem } as const;
  const stateOf = () => {
    // One of this thread that it does not hold could not be removed when it was released.
    if (isOwn(owner) && !held.has(basename(file))) return 'free';
    if (owner?.host === ownHost() && owner.boot === bootId()) return wasKilled(owner) ? 'free' : 'held';
    let seen = watched.get(lockPath);
    if (seen?.file !== file || seen.text !== text) {
      seen = { file, text, since: performance.now(), lives: seen?.file === file };
      watched.set(lockPath, seen);
    }
    if (performance.now() - seen.since >= LEASE.staleMs) return 'free';
    return seen.lives ? 'held' : 'unknown';
  };
  return { state: stateOf(), file, owner };
}

/** Reads the file of a lock; undefined if the lock is free. `problem`: the folder is no lock, or cannot be read. */
async function read(lockPath: string): Promise<Found | undefined> {
  try {
    const entries = (await readdir(lockPath, { withFileTypes: true })).filter(
      ({ name }) => !isKeptByNfs(name),
    );
    const [first] = entries;
    if (first === undefined) return undefined;
    const other = entries.find((entry) => !ID.test(entry.name) || !entry.isFile());
    if (other !== undefined) return { problem: noLock(lockPath, other.name) };
    const file = join(lockPath, first.name);
    const text = await readFile(file, 'utf8');
    if (!OWNED.test(text)) return { problem: noLock(lockPath, first.name) };
    return { file, text, owner: ownerIn(text) };
  } catch (error) {
    return isGoneBy(error) ? undefined : { problem: unwritable(error, lockPath) as Error };
  }
}

type Found =
  | { file: string; text: string; owner: LockOwner | undefined; problem?: undefined }
  | { problem: Error; file?: undefined; text?: undefined; owner?: undefined };

function noLock(lockPath: string, name: string): SpurmemError {
  const problem = `${lockPath} has the name of a lock, and is none: it holds ${name}. Nothing was changed.`;
  return new SpurmemError('OUTPUT_UNWRITABLE', problem, {
    advice: ['Move it away, or choose another folder.'],
  });
}

function ownerIn(text: string): LockOwner | undefined {
  try {
    const owner = JSON.parse(text) as LockOwner;
    return typeof owner.host === 'string' ? owner : undefined;
  } catch {
    return undefined;
  }
}

function isOwn(owner: LockOwner | undefined): boolean {
  if (owner?.pid !== process.pid) return false;
  const { thread, host, boot, started } = ownOwner();
  return isDeepStrictEqual({ ...owner, thread, host, boot, started }, owner);
}

/** Whether an error says that a file is missing. */
function isGoneBy(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ESTALE'].includes(systemCode(error) ?? '');
}

/** Whether a file exists, or cannot be read. Opens it: NFS answers other calls from its cache. */
function isThere(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return true;
  } catch (error) {
    return !isGoneBy(error);
  }
}

/** The temporary folder of a lock that is being made names the host and the process. */
const ASIDE = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.lock$/;

export function isLockAside(name: string): boolean {
  return ASIDE.test(name);
}

/** Removes the temporary folders of processes of this host that were killed. */
async function removeAsides(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, host, pid] = ASIDE.exec(name) ?? [];
    if (host !== checksum(ownHost()) || !isGone(Number(pid))) continue;
    const aside = join(folder, name);
    await removeFiles(aside, (file) => ID.test(file));
    await rmdir(aside).catch(() => undefined);
  }
}
