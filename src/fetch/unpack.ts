import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import * as tar from 'tar';
import { messageOf, SpurmemError } from '../errors.js';
import { makeFolder, unwritable } from '../files.js';
import { fetchFailed } from './download.js';

interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxFiles: number;
}

/**
 * Unpacks a tar archive, gzipped or not, without the outermost folder, into a folder that is empty or not there. The whole archive
 * is looked at before anything is written. Throws `FETCH_FAILED` naming the entry that leaves the folder, is a link or a device,
 * or exceeds the limits, and for an archive that is damaged; `OUTPUT_UNWRITABLE`.
 *
 * @param source the archive's name in messages
 */
export async function unpack(
  archive: string,
  folder: string,
  limits: UnpackLimits,
  source = archive,
): Promise<void> {
  await inspect(archive, limits, source);
  await makeFolder(folder);
  try {
    await tar.x({ file: archive, cwd: folder, strip: 1, strict: true, noMtime: true });
  } catch (error) {
    const mended = unwritable(error, folder);
    throw mended === error ? damaged(source, error) : mended;
  }
}

/** Reads the archive's entries until one of them is wrong: nobody reads a bomb to its end. */
async function inspect(archive: string, { maxBytes, maxFiles }: UnpackLimits, source: string): Promise<void> {
  let bytes = 0;
  let files = 0;
  let problem: string | undefined;
  let error: unknown;
  const parser = new tar.Parser({
    strict: true,
    onReadEntry(entry) {
      bytes += entry.size;
      files += 1;
      problem ??= problemOf(entry.path, entry.type);
      if (bytes > maxBytes) problem ??= `unpacked, it has more than ${maxBytes} bytes`;
      if (files > maxFiles) problem ??= `it has more than ${maxFiles} entries`;
      entry.resume();
    },
  });
  parser.on('error', (reason: unknown) => {
    error ??= reason;
  });
  try {
    for await (const chunk of createReadStream(archive)) {
      parser.write(chunk as Buffer);
      if (problem !== undefined || error !== undefined) break;
    }
    if (problem === undefined && error === undefined) parser.end();
  } catch (reason) {
    error ??= reason;
  }
  if (problem === undefined && error !== undefined) throw damaged(source, error);
  if (problem === undefined && files > 0) return;
  throw fetchFailed(
    `${source}: ${problem ?? 'it holds nothing'}. Nothing was unpacked.`,
    'Do not use this file: get it from its official address.',
  );
}

function problemOf(path: string, type: string): string | undefined {
  const name = JSON.stringify(path);
  if (type === 'SymbolicLink' || type === 'Link') return `${name} is a link`;
  if (!['File', 'OldFile', 'ContiguousFile', 'Directory', 'GNUDumpDir'].includes(type))
    return `${name} is a ${type}`;
  const normal = posix.normalize(path.replaceAll('\\', '/'));
  if (posix.isAbsolute(normal) || /^[a-z]:/i.test(normal)) return `${name} is an absolute path`;
  // A path that stays inside may leave when the outermost folder is left out.
  return path.split(/[\\/]/).includes('..') ? `${name} leaves the folder` : undefined;
}

function damaged(source: string, error: unknown): SpurmemError {
  return new SpurmemError('FETCH_FAILED', `${source}: the archive is damaged: ${messageOf(error)}.`, {
    cause: error,
    advice: ['Fetch it again.'],
  });
}
