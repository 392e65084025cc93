import { readdir, stat } from 'node:fs/promises';
import { withoutChecksum } from '../checksum.js';
import { describeIssues } from '../data/issues.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readText } from '../files.js';
import type { Recorded } from '../recorded.js';
import * as z from '../zod.js';

/** The origin of a result: the command that repeats it, and what its numbers may depend on. */
const originSchema = z.object({
  date: z.string(),
  command: z.string().nullable(),
  cpu: z.string(),
  kernels: z.string(),
  versions: z.record(z.string(), z.string()),
});

/** A result by its name, and its origin. */
export type HistoryEntry = Readonly<z.infer<typeof originSchema>> & { readonly result: string };

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/**
 * Reads a JSON file of a run; undefined if it is missing. Throws `RUN_INVALID` naming the file and the invalid field.
 *
 * @param check throws for content of a different kind, before the schema is applied
 */
export async function readJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  check?: (content: unknown) => void,
  advice = 'Restore it, or start anew in another folder.',
): Promise<z.infer<Schema> | undefined> {
  try {
    const content: unknown = JSON.parse(withoutChecksum(await readText(path)));
    check?.(content);
    return schema.parse(content);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (error instanceof SpurmemError) throw error;
    const reason = error instanceof z.ZodError ? describeIssues(error) : messageOf(error);
    throw new SpurmemError('RUN_INVALID', `${path} is damaged: ${reason}. ${advice}`, { cause: error });
  }
}

/** Reads a result of a run without its origin. Its name begins with its kind, as in `trace-unstructured-re-initialized`. */
export function readResultFile<Schema extends z.ZodType>(
  path: string,
  name: string,
  schema: Schema,
): Promise<Recorded<Schema> | undefined> {
  const requireKind = (content: unknown): void => {
    const result = Object(content) as { kind?: unknown; origin?: unknown };
    if (typeof result.kind !== 'string' || !name.startsWith(result.kind)) {
      throw new Error('it is no result of this name');
    }
    delete result.origin;
  };
  const read = readJson(path, schema, requireKind, 'Delete it and run again.');
  return read as Promise<Recorded<Schema> | undefined>;
}

/** Returns the origins of a folder's results, oldest first. Omits unreadable results: nothing depends on their origin. */
export async function readOrigins(
  names: readonly string[],
  pathOf: (name: string) => string,
): Promise<HistoryEntry[]> {
  const withOrigin = z.object({ origin: originSchema });
  const entries = await Promise.all(
    names.map(async (result) => {
      const read = await readJson(pathOf(result), withOrigin).catch(() => undefined);
      return read ? [{ result, ...read.origin }] : [];
    }),
  );
  return entries.flat().sort((a, b) => a.date.localeCompare(b.date));
}

/** Returns the pattern's group in each matching name of a folder; none if the folder is missing. */
export async function matchesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => pattern.exec(name)?.[1] ?? []);
}
