import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { systemCode } from './errors.js';

/** The namespace of process ids outside of containers, whose number Linux fixes. */
const HOST_PIDS = 'pid:[4026531836]';

/** The thread of a process that holds a lock. */
export interface LockOwner {
  readonly pid: number;
  /** The system's id of its thread: the main Node environment and each worker have one. */
  readonly thread?: number;
  readonly host: string;
  /** Ids of the system's boot and of the thread's start, which distinguish it from a later thread of the same number; null if unknown. */
  readonly boot: string | null;
  readonly started: string | null;
}

/** Whether an owner on this host has ended. */
export function wasKilled({ pid, thread, started }: LockOwner): boolean {
  if (isGone(pid)) return true;
  const start = startOf(pid, thread);
  // Another user's process, which may be hidden, counts as alive.
  return start === null ? existsSync(`/proc/${pid}`) && started !== null : start !== started;
}

export function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}

export function ownOwner(): LockOwner {
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

export function bootId(): string | null {
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
