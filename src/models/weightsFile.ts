// Weights files of others: how they are opened, and the errors of those that are damaged or hold something else.
import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readText, requireReadable, sha256Of } from '../files.js';

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

export async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** Splits `FILE#ENTRY`, unless a file has that whole name. */
export async function placeOf(path: string): Promise<{ readonly file: string; readonly entry?: string }> {
  const at = path.lastIndexOf('#');
  if (at <= 0 || at === path.length - 1 || (await stat(path).catch(() => undefined)) !== undefined)
    return { file: path };
  return { file: path.slice(0, at), entry: path.slice(at + 1) };
}

/** The weights in a model's folder, in the order of preference: whole, or an index of shards. */
const IN_FOLDER = ['model.safetensors', 'pytorch_model.bin'] as const;

/** Returns the files of weights: a file itself, or those of a model's folder. Throws `WEIGHTS_INVALID` for a folder without any. */
export async function weightsFiles(path: string): Promise<readonly string[]> {
  if (!(await isFolder(path))) return [(await placeOf(path)).file];
  const found = await readdir(path);
  for (const name of IN_FOLDER) {
    if (found.includes(name)) return [join(path, name)];
    const index = join(path, `${name}.index.json`);
    if (!found.includes(basename(index))) continue;
    const { weight_map: map } = Object(jsonOf(await readText(index))) as { weight_map?: unknown };
    const shards = [...new Set(Object.values(Object(map) as Record<string, unknown>))];
    // Names alone: an index must not lead out of its folder.
    if (shards.length > 0 && shards.every((shard) => typeof shard === 'string' && found.includes(shard)))
      return shards.map((shard) => join(path, String(shard))).sort();
    throw new SpurmemError('WEIGHTS_INVALID', `${index} names shards that are not in its folder.`, {
      advice: ['Copy or download the folder again.'],
    });
  }
  throw new SpurmemError('WEIGHTS_INVALID', `${path} has none of ${IN_FOLDER.join(', ')}.`, {
    parameter: 'weights',
    value: path,
    advice: ['Name a weights file, or a folder that save_pretrained wrote.'],
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * sha256 of a weights file in hexadecimal; of several (a folder's, a head's), and of an entry, that of theirs. Throws `WEIGHTS_INVALID` if one cannot be
 * read.
 */
export async function weightsFingerprint(path: string, head?: string): Promise<string> {
  try {
    const sums: string[] = [];
    for (const one of head === undefined ? [path] : [path, head]) {
      for (const file of await weightsFiles(one)) sums.push(await sha256Of(file));
      const { entry } = await placeOf(one);
      if (entry !== undefined) sums.push(entry);
    }
    const [first = '', ...others] = sums;
    return others.length === 0 ? first : createHash('sha256').update(sums.join('\n')).digest('hex');
  } catch (error) {
    throw error instanceof SpurmemError ? error : unreadable(path, error);
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
