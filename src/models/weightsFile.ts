// Weights files of others: how they are opened, and the errors of those that are damaged or hold something else.
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { requireReadable, sha256Of } from '../files.js';

/** A file that is whole, but holds content that cannot be loaded; the message says what to do. */
export class UnusableContent extends Error {}

/** The advice for a file that holds something else than a state dict. */
export const SAVE_STATE = 'Save the state dict alone: torch.save(model.state_dict(), ...)';

/** Returns the line of Python that saves a value of a file, such as `torch.load(PATH)`, next to it in the zip format. */
export function saveLine(path: string, value: (pathInPython: string) => string): string {
  const converted = join(dirname(path), `${basename(path, extname(path))}.state_dict.pth`);
  // JSON's escapes are also Python's.
  return `  import torch; torch.save(${value(`${JSON.stringify(path)}, map_location="cpu"`)}, ${JSON.stringify(converted)})`;
}

/** Text of a file for an error message: quoted, without control characters, and not endless. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text).replace(
    /[\u007f-\u009f]/g,
    '?',
  );
}

function unreadable(path: string, error: unknown): SpurmemError {
  const reason = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
  return new SpurmemError('WEIGHTS_INVALID', `Cannot read the weights file ${path}: ${reason}.`, {
    parameter: 'weights',
    value: path,
    cause: error,
    advice: ['Correct `weights`.'],
  });
}

/** sha256 of a weights file, in hexadecimal. Throws `WEIGHTS_INVALID` if it cannot be read. */
export async function weightsFingerprint(path: string): Promise<string> {
  try {
    return await sha256Of(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

/**
 * Reads a weights file. Any error of a parser is the file's fault.
 *
 * @param format its name, for the error of a damaged file
 * @throws `WEIGHTS_INVALID` naming the file and what to do
 */
export async function readWeightsFile<Content>(
  path: string,
  format: string,
  read: (file: FileHandle, size: number) => Promise<Content>,
): Promise<Content> {
  await using file = await opened(path);
  try {
    const { size } = await file.stat();
    return await read(file, size);
  } catch (error) {
    // Such as EISDIR; Node's own codes begin with ERR_.
    if (/^E(?!RR_)/.test(systemCode(error) ?? '')) throw unreadable(path, error);
    const cause = error;
    if (error instanceof UnusableContent)
      throw new SpurmemError('WEIGHTS_INVALID', `${path}: ${error.message}`, { cause });
    const problem = `${path} is not a valid ${format} file: ${messageOf(error).replace(/\.$/, '')}.`;
    throw new SpurmemError('WEIGHTS_INVALID', problem, { cause, advice: ['Copy or download it again.'] });
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    await requireReadable(path);
    return await open(path, 'r');
  } catch (error) {
    throw unreadable(path, error);
  }
}
