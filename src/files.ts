import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import writeFileAtomic from 'write-file-atomic';
import { SpurmemError, messageOf, systemCode } from './errors.js';

/** Writes a whole file or nothing: a temporary file beside it, fsync, rename. Throws `OUTPUT_UNWRITABLE`. */
export async function writeAtomic(path: string, content: string | Buffer): Promise<void> {
  try {
    await writeFileAtomic(path, content);
  } catch (error) {
    throw unwritable(error, path);
  }
}

/**
 * As `writeAtomic`, for a file that is too large to be joined in memory first.
 *
 * @param write writes all of it; what it returns is returned
 */
export async function writeLargeFile<Result>(
  path: string,
  write: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    let result: Result;
    try {
      result = await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    return result;
  } catch (error) {
    await rm(temporary, { force: true });
    throw unwritable(error, path);
  }
}

/** Removes what processes that were killed in `writeLargeFile` left; nobody may be writing to the folder. */
export async function removeLeftovers(folder: string): Promise<void> {
  await removeFiles(folder, (name) => name.endsWith('.tmp'));
}

/** Removes those files of a folder that can be removed. */
export async function removeFiles(folder: string, which: (name: string) => boolean): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter(which)) {
    await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

/** SHA-256 of a file, in hexadecimal. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Writes a value as indented JSON, atomically. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Makes a folder and those above it. Throws `OUTPUT_UNWRITABLE`. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeBelow(resolve(path));
  } catch (error) {
    throw unwritable(error, path);
  }
}

/** As `mkdir -p`; Node's own recursive mkdir never returns where a file system takes no folders, such as /proc. */
async function makeBelow(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const isMissing = systemCode(error) === 'ENOENT' && !(await isFolder(dirname(path)));
    if (!isMissing) {
      if (await isFolder(path)) return;
      throw error;
    }
    await makeBelow(dirname(path));
    await makeBelow(path);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some disk space, or choose another folder.',
  EDQUOT: 'Free some of your disk quota, or choose another folder.',
  EACCES: 'Give yourself write permission there, or choose another folder.',
  EPERM: 'Give yourself write permission there, or choose another folder.',
  EROFS: 'The file system is read-only: choose another folder.',
  ENOTDIR: 'A part of that path is a file: choose another folder.',
  EEXIST: 'A file has that name: choose another folder.',
  ENOENT: 'Nothing can be made there: choose another folder.',
};

/**
 * Turns what a file system operation threw into SpurmemError `OUTPUT_UNWRITABLE` when the user can mend it (no
 * space, no permission, ...). Anything else, and any SpurmemError, comes back unchanged.
 *
 * @param path the file or folder that was written to
 */
export function unwritable(error: unknown, path: string): unknown {
  const advice = ADVICE[systemCode(error) ?? ''];
  if (advice === undefined || error instanceof SpurmemError) return error;
  return new SpurmemError('OUTPUT_UNWRITABLE', `Cannot write ${path}: ${messageOf(error)}.`, {
    ...{ advice: [advice], cause: error },
  });
}
