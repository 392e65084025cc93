import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  appendFile,
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withChecksum } from './checksum.js';
import { messageOf, SpurmemError, systemCode } from './errors.js';

/** Called before a job puts a file in place. */
const checks = new AsyncLocalStorage<() => void>();

/** Runs a job, calling `check` before it puts a file in place; the file stays as it was if that throws. */
export function withCheck<Result>(check: () => void, job: () => Promise<Result>): Promise<Result> {
  const outer = checks.getStore();
  const all = (): void => {
    outer?.();
    check();
  };
  return checks.run(all, job);
}

/** Calls the checks of the job that calls this. */
export function checkWrites(): void {
  checks.getStore()?.();
}

/** Renames a finished file or folder, after the job's checks. */
export async function putInPlace(temporary: string, path: string): Promise<void> {
  checkWrites();
  await rename(temporary, path);
}

/**
 * Writes a whole file or nothing: a temporary file next to it, fsync, rename. Throws `OUTPUT_UNWRITABLE`.
 *
 * @param mode permissions; default: 0o666, less the process’s mask
 */
export async function writeAtomic(path: string, content: string | Buffer, mode?: number): Promise<void> {
  await writeLargeFile(
    path,
    (file) => file.writeFile(content),
    () => Buffer.byteLength(content),
    mode,
  );
}

/**
 * Like `writeAtomic`, for a file too large to assemble in memory.
 *
 * @param write gets the open file, and its name until it is whole
 * @param bytes the file's size, for the message of a full disk
 */
export async function writeLargeFile<Result>(
  path: string,
  write: (file: FileHandle, temporary: string) => Promise<Result>,
  bytes: () => number,
  mode?: number,
): Promise<Result> {
  // A link's file is replaced, not the link.
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', mode);
    let result: Result;
    try {
      result = await write(file, temporary);
      await file.sync();
    } finally {
      await file.close();
    }
    await putInPlace(temporary, target);
    return result;
  } catch (error) {
    // The error is what matters, also where the folder or the disk is gone.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw unwritable(error, path, await spaceNeeded(error, path, bytes));
  }
}

/** Appends to a file; an interruption may cut the addition off. Throws `OUTPUT_UNWRITABLE`. */
export async function append(path: string, content: string | Buffer): Promise<void> {
  try {
    checkWrites();
    await appendFile(path, content);
  } catch (error) {
    throw unwritable(error, path, await spaceNeeded(error, path, () => Buffer.byteLength(content)));
  }
}

/**
 * Removes the temporary files of processes that were killed in `writeLargeFile`; no process may be writing these files.
 *
 * @param which by the name of the file that was to be written; default: all
 */
export async function removeLeftovers(
  folder: string,
  which: (name: string) => boolean = () => true,
): Promise<void> {
  await removeFiles(folder, (name) => {
    const [, whole] = /^(.+)\.[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.tmp$/.exec(name) ?? [];
    return whole !== undefined && which(whole);
  });
}

/** Removes those files of a folder that can be removed. */
export async function removeFiles(folder: string, which: (name: string) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter(which)) {
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

/** Reads a whole file. Rejects anything else, such as a named pipe, which could block for ever. */
export async function readWhole(path: string): Promise<Buffer> {
  await requireReadable(path);
  return readFile(path).catch((error: unknown) => {
    // NFS: the file was replaced after it was opened.
    if (systemCode(error) === 'ESTALE') return readFile(path);
    throw error;
  });
}

/** Like `readWhole`, for text. */
export async function readText(path: string): Promise<string> {
  return (await readWhole(path)).toString('utf8');
}

/** Rejects devices, sockets and named pipes, except a shell's pipes below /dev. Missing paths and folders fail when they are opened. */
export async function requireReadable(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile() || found.isDirectory()) return;
  if (found.isFIFO() && /^\/dev\/(?:stdin|fd\/\d+)$/.test(path)) return;
  const kind = found.isFIFO() ? 'a named pipe' : found.isSocket() ? 'a socket' : 'a device';
  throw new Error(`it is ${kind}, and not a file`);
}

/** SHA-256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  await requireReadable(path);
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Writes a value as indented JSON, atomically. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomic(path, jsonText(value));
}

/** Like `writeJson`, with a checksum as the first key, which readers check by `withoutChecksum`. */
export async function writeCheckedJson(path: string, value: unknown): Promise<void> {
  await writeAtomic(path, withChecksum(jsonText(value)));
}

/** Returns a value as `writeJson` writes it. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Makes a folder and those above it. Throws `OUTPUT_UNWRITABLE`. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeBelow(resolve(path));
  } catch (error) {
    throw unwritable(error, path);
  }
}

/** Like `mkdir -p`. Node's recursive mkdir never returns on file systems that take no folders, such as /proc. */
async function makeBelow(path: string): Promise<void> {
  const isFolder = async (name: string): Promise<boolean> =>
    (await stat(name).catch(() => undefined))?.isDirectory() === true;
  try {
    await mkdir(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && !(await isFolder(dirname(path)))) {
      await makeBelow(dirname(path));
      await makeBelow(path);
    } else if (!(await isFolder(path))) {
      throw error;
    }
  }
}

const PERMISSION = 'Give yourself write permission there, or choose another folder.';
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some disk space, or choose another folder.',
  EDQUOT: 'Free some of your disk quota, or choose another folder.',
  EACCES: PERMISSION,
  EPERM: PERMISSION,
  EROFS: 'The file system is read-only: choose another folder.',
  ENOTDIR: 'A part of that path is a file: choose another folder.',
  EBUSY: 'It is in use, as a mount point is: choose a folder inside it, or another one.',
  EEXIST: 'A file has that name: choose another folder.',
  ENOENT: 'The folder is missing or takes no files: make it again, or choose another folder.',
  EISDIR: 'That is a folder: name a file.',
  ENAMETOOLONG: 'Choose a shorter name.',
  EFBIG: 'Raise the limit on the size of files (ulimit -f), or choose another folder.',
  EIO: 'The disk reports an error: check it, or choose another folder.',
  EMFILE: 'Raise the limit on open files (ulimit -n).',
  ENFILE: 'Raise the system\u2019s limit on open files.',
};
const SPACE_CODES: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Returns a sentence on the needed and the free space; empty for other errors. */
async function spaceNeeded(error: unknown, path: string, bytes: () => number): Promise<string> {
  if (!SPACE_CODES.has(systemCode(error) ?? '')) return '';
  const disk = await statfs(dirname(resolve(path))).catch(() => undefined);
  const free = disk ? `, and ${megabytes(disk.bavail * disk.bsize)} are free there` : '';
  // Rounded up: one line needs more than 0.
  return ` It needs ${megabytes(1000 * Math.ceil(bytes() / 1000))}${free}.`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 3 : 1)} MB`;
}

/**
 * Returns an error of writing a file or folder as SpurmemError `OUTPUT_UNWRITABLE` if the user can fix it (no space, no permission, ...);
 * any other one unchanged.
 *
 * @param needs a sentence on the space that is needed, after a space
 */
export function unwritable(error: unknown, path: string, needs = ''): unknown {
  const advice = ADVICE[systemCode(error) ?? ''];
  if (advice === undefined || error instanceof SpurmemError) return error;
  return new SpurmemError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${messageOf(error)}.${needs}`, {
    advice: [advice],
    cause: error,
  });
}
