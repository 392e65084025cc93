import { randomUUID } from 'node:crypto';
import fs, { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callbackify, isDeepStrictEqual } from 'node:util';
import lockfile from 'proper-lockfile';
import { checksum } from './checksum.js';
import { systemCode } from './errors.js';
import { unwritable } from './files.js';
import * as z from './zod.js';

/** A lock of another host or container that is not refreshed for this long is stale: its process was killed. */
const STALE_MS = 30_000;
const REFRESH_MS = 5_000;
const POLL_MS = 100;
/** The namespace of process ids outside of containers, whose number Linux fixes. */
const HOST_PIDS = 'pid:[4026531836]';
/** In the lock's folder. */
const OWNER_NAME = 'owner.json';

const ownerSchema = z.object({
  pid: z.number(),
  /** The system's id of its thread: the main Node environment and each worker have one. */
  thread: z.number().optional(),
  host: z.string(),
  /** Ids of the system's boot and of the thread's start, which distinguish it from a later thread of the same number; null if unknown. */
  boot: z.string().nullable(),
  started: z.string().nullable(),
});

/** The thread of a process that holds a lock. */
export type LockOwner = Readonly<z.infer<typeof ownerSchema>>;

/** A lock that this thread holds. */
export interface Lock {
  /** Whether the lock was removed, or taken over by another host, which regards a long-suspended process as killed. */
  isLost(): boolean;
  release(): Promise<void>;
}

/**
 * Takes a lock, a folder in no other use, or returns undefined while another job holds it. The lock of a process that was killed, or of a
 * worker thread that was terminated, is taken over: at once on the same host, after 30 seconds on another one.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE` when it cannot be made
 */
export async function tryLock(lockPath: string): Promise<Lock | undefined> {
  await removeAsides(dirname(lockPath));
  const owner = await ownerOf(lockPath);
  if (owner !== undefined) {
    if (wasKilled(owner)) await removeOfKilled(lockPath);
    // Whatever the time of its last refresh: the clock may have been set, or the process suspended.
    else if (owner.host === ownHost()) return undefined;
  }
  let lost = false;
  try {
    const release = await lockfile.lock(lockPath, {
      ...optionsOf(lockPath),
      update: REFRESH_MS,
      // The default throws outside any promise, which would end the process.
      onCompromised: () => {
        lost = true;
      },
    });
    return {
      isLost: () => lost || !isOwn(lockPath),
      // Failing to release means that the lock was lost: there is nothing left to release.
      release: () => release().catch(() => undefined),
    };
  } catch (error) {
    if (systemCode(error) === 'ELOCKED') return undefined;
    throw unwritable(error, lockPath);
  }
}

/** Like `tryLock`, with retries for `patience` milliseconds. */
export async function awaitLock(lockPath: string, patience: number): Promise<Lock | undefined> {
  const start = performance.now();
  for (;;) {
    const lock = await tryLock(lockPath);
    if (lock !== undefined || performance.now() - start >= patience) return lock;
    await sleep(POLL_MS);
  }
}

/** Whether a job holds a lock. */
export async function isLocked(lockPath: string): Promise<boolean> {
  if (!existsSync(lockPath)) return false;
  const owner = await ownerOf(lockPath);
  if (owner !== undefined && wasKilled(owner)) return false;
  if (owner?.host === ownHost()) return true;
  return lockfile.check(lockPath, optionsOf(lockPath));
}

/** Returns the holder of a lock; undefined if it is free. */
export async function ownerOf(lockPath: string): Promise<LockOwner | undefined> {
  try {
    return ownerSchema.parse(JSON.parse(await readFile(join(lockPath, OWNER_NAME), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Whether a lock exists and belongs to this thread, or cannot be read. */
function isOwn(lockPath: string): boolean {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(lockPath, OWNER_NAME), 'utf8'));
    return isDeepStrictEqual(owner, ownOwner());
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}

function optionsOf(lockPath: string) {
  return {
    lockfilePath: lockPath,
    realpath: false,
    stale: STALE_MS,
    // The library's locks are empty folders; these name their owner from the moment they exist.
    fs: {
      ...fs,
      mkdir: callbackify(makeOwned),
      rmdir: callbackify(removeLock),
      rmdirSync: (path: string) => {
        const aside = asideOf(path);
        fs.renameSync(path, aside);
        fs.rmSync(aside, { recursive: true, force: true });
      },
    },
  };
}

/** Makes a lock, or rejects with EEXIST. */
async function makeOwned(lockPath: string): Promise<void> {
  const aside = asideOf(lockPath);
  try {
    await mkdir(aside);
    await writeFile(join(aside, OWNER_NAME), JSON.stringify(ownOwner()));
    await rename(aside, lockPath);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
    const isTaken = ['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '');
    throw isTaken ? Object.assign(new Error(`${lockPath} exists`), { code: 'EEXIST' }) : error;
  }
}

/** Removes a lock. A process that is killed meanwhile leaves no lock without an owner. */
async function removeLock(lockPath: string): Promise<void> {
  const aside = asideOf(lockPath);
  // In place if the disk fails: a lock that stays would belong to a living process.
  const isMoved = await rename(lockPath, aside).then(
    () => true,
    () => false,
  );
  await rm(isMoved ? aside : lockPath, { recursive: true, force: true });
}

/** Removes the locks of processes of this host that were killed while they made or removed one. */
async function removeAsides(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter(isLockAside)) {
    const owner = await ownerOf(join(folder, name));
    if (owner === undefined ? !isOfKilled(name) : !wasKilled(owner)) continue;
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
  }
}

/** The host and the process that make or remove a lock, before it has an owner or when it has none any more. */
const ASIDE = /^\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.lock$/;

/** Whether a file is the temporary one of a lock that is being made or removed. */
export function isLockAside(name: string): boolean {
  return ASIDE.test(name);
}

/** Returns the temporary path at which a lock is made and removed. */
function asideOf(lockPath: string): string {
  // Not the lock's name plus a suffix, which could be too long.
  const name = `.${checksum(ownHost())}-${process.pid}-${randomUUID().slice(0, 8)}.lock`;
  return join(dirname(lockPath), name);
}

/** Whether the process in such a name has ended. */
function isOfKilled(name: string): boolean {
  const [, host, pid] = ASIDE.exec(name) ?? [];
  return host === checksum(ownHost()) && isGone(Number(pid));
}

/** Removes the lock of a process of this host that has ended. */
async function removeOfKilled(lockPath: string): Promise<void> {
  const aside = asideOf(lockPath);
  try {
    // Only one of several processes that see it can move it.
    await rename(lockPath, aside);
  } catch {
    return;
  }
  const moved = await ownerOf(aside);
  if (moved !== undefined && !wasKilled(moved)) {
    // Another process was faster, and this is its own lock: put it back.
    await rename(aside, lockPath).catch(() => undefined);
    return;
  }
  await rm(aside, { recursive: true, force: true });
}

function wasKilled({ pid, thread, host, boot, started }: LockOwner): boolean {
  if (host !== ownHost()) return false;
  if (boot !== bootId() || isGone(pid)) return true;
  const start = startOf(pid, thread);
  // Another user's process, which may be hidden, counts as alive.
  return start === null ? existsSync(`/proc/${pid}`) && started !== null : start !== started;
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

function ownOwner(): LockOwner {
  const thread = ownThread();
  return {
    pid: process.pid,
    thread,
    host: ownHost(),
    boot: bootId(),
    started: startOf(process.pid, thread),
  };
}

/** Returns an id of this host, or of this container, which cannot see processes of others. */
export function ownHost(): string {
  try {
    const pids = readlinkSync('/proc/self/ns/pid');
    return pids === HOST_PIDS ? hostname() : `${hostname()} (${pids})`;
  } catch {
    return hostname();
  }
}

function bootId(): string | null {
  return readOrNull('/proc/sys/kernel/random/boot_id');
}

/** Returns the id of the current thread; the main thread's if the system does not report it. */
function ownThread(): number {
  try {
    // Synchronous: asynchronous calls run on pool threads.
    return Number(basename(readlinkSync('/proc/thread-self')));
  } catch {
    return process.pid;
  }
}

/** Returns the start in ticks since boot: word 22 of a line whose word 2, in parentheses, may contain spaces. */
function startOf(pid: number, thread = pid): string | null {
  const line = readOrNull(`/proc/${pid}/task/${thread}/stat`);
  return line?.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}
