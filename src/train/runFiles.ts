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

/** Undefined if the file is missing. Throws `RUN_INVALID`. */
async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw new SpurmemError('RUN_INVALID', `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined if the file is missing; `before` checks it before the schema. Throws `RUN_INVALID`. */
export async function readJson<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  before?: (path: string, content: unknown) => void,
): Promise<z.infer<Schema> | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    const content: unknown = JSON.parse(withoutChecksum(text));
    before?.(path, content);
    return schema.parse(content);
  } catch (error) {
    if (error instanceof SpurmemError) throw error;
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new SpurmemError(
      'RUN_INVALID',
      `${path} is damaged: ${reason}\nRestore it, or start anew in another folder.`,
      { cause: error },
    );
  }
}

/**
 * Reads a result of a run without its origin; undefined if there is none. Throws `RUN_INVALID`, also if its name does not begin with its
 * kind, as `trace-unstructured-re-initialized` does.
 */
export async function readResultFile<Schema extends z.ZodType>(
  path: string,
  name: string,
  schema: Schema,
): Promise<Recorded<Schema> | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const damaged = (reason: string): SpurmemError =>
    new SpurmemError('RUN_INVALID', `${path} ${reason}. Delete it and run again.`);
  let content: unknown;
  try {
    content = JSON.parse(withoutChecksum(text));
  } catch (error) {
    throw damaged(
      error instanceof SyntaxError ? `is not JSON (${error.message})` : messageOf(error).replace(/^it /, ''),
    );
  }
  const { origin: _origin, ...result } = Object(content) as Record<string, unknown>;
  const { kind } = result;
  if (typeof kind !== 'string' || !name.startsWith(kind)) throw damaged('is no result of this name');
  const checked = schema.safeParse(result);
  if (!checked.success) throw damaged(`is no result of this name (${describeIssues(checked.error)})`);
  return checked.data as Recorded<Schema>;
}

/** The origins of a folder's results, oldest first. Results that cannot be read are left out: nothing rests on their origin. */
export async function readOrigins(
  names: readonly string[],
  pathOf: (name: string) => string,
): Promise<HistoryEntry[]> {
  const entries: HistoryEntry[] = [];
  for (const result of names) {
    try {
      const { origin } = JSON.parse(withoutChecksum(await readText(pathOf(result)))) as { origin?: unknown };
      entries.push({ result, ...originSchema.parse(origin) });
    } catch {
      continue;
    }
  }
  return entries.sort((a, b) => a.date.localeCompare(b.date));
}

/** The names that match in a folder, with what the pattern's group finds in each; none if there is no such folder. */
export async function matchesIn(folder: string, pattern: RegExp): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.flatMap((name) => pattern.exec(name)?.[1] ?? []);
}
