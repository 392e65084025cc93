// Types and checks that the readers of all formats share.
import { type FileHandle, open } from 'node:fs/promises';
import { messageOf, SpurmemError } from '../../errors.js';
import { invalidData } from '../sourceFile.js';

/** Rows that are read at once. */
export const CHUNK = 128;
/** No image, page or batch has more: what a file claims beyond is not allocated. */
export const MAX_BYTES = 2 ** 29;

/** Some rows, by their columns. */
export interface Chunk {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The file's rows up to its last one, skipped ones included. */
  readonly end: number;
  /** The share of the file that is read after it. */
  readonly share: number;
}

/** A file of a data set. */
export interface ImportedFile {
  /** The names of labels that are numbers, by column; of Hugging Face's `ClassLabel`. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  /** Hands over all rows but the first ones, in the file's order; of skipped ones, their number. */
  readonly chunks: (skipped: number) => AsyncIterable<Chunk>;
}

/** Hugging Face's description of columns, as JSON in a file's metadata: the names of labels. Damaged ones name none. */
export function labelsIn(text: string | undefined): ImportedFile['labels'] {
  try {
    const parsed = JSON.parse(text ?? '{}') as { info?: { features?: Record<string, { names?: unknown }> } };
    const entries = Object.entries(parsed.info?.features ?? {}).flatMap(([column, feature]) => {
      const { names } = Object(feature) as { names?: unknown };
      const areNames = Array.isArray(names) && names.every((name) => typeof name === 'string');
      return areNames ? [[column, names] as const] : [];
    });
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** Runs a parser on a file, whose errors are the file's fault. Throws `DATASET_INVALID`. */
export async function reading<Result>(path: string, read: () => Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof SpurmemError) throw error;
    throw invalidData(
      `${path} cannot be read: ${problemOf(error).replace(/\.$/, '')}.`,
      'Copy or download it again.',
    );
  }
}

/** An error's message for users. A parser's TypeError or RangeError means that it read damaged data. */
export function problemOf(error: unknown): string {
  const { name } = Object(error) as { name?: unknown };
  return name === 'TypeError' || name === 'RangeError' ? 'it is damaged' : messageOf(error);
}

/** Reads bytes of a file. Throws an Error if it is shorter. */
export async function bytesAt(
  file: FileHandle,
  start: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!(end - start >= 0 && end - start <= MAX_BYTES))
    throw new Error(`a part of it claims ${end - start} bytes`);
  const bytes = new Uint8Array(end - start);
  for (let done = 0; done < bytes.length;) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
    if (bytesRead === 0) throw new Error('it is truncated');
    done += bytesRead;
  }
  return bytes;
}

export async function withFile<Result>(
  path: string,
  use: (file: FileHandle) => Promise<Result>,
): Promise<Result> {
  await using file = await open(path, 'r');
  return await use(file);
}
