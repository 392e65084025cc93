import { stat } from 'node:fs/promises';
import { z } from 'zod';
import { checksum, withoutChecksum } from '../checksum.js';
import { describeIssues } from '../data/issues.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readText } from '../files.js';
import type { JobOptions } from '../progress.js';
import type { Recorded } from '../recorded.js';
import { type EpochMetrics, epochMetricsSchema } from './results.js';

const historySchema = z.object({
  result: z.string(),
  date: z.string(),
  command: z.string().nullable(),
  cpu: z.string(),
  kernels: z.string(),
  versions: z.record(z.string(), z.string()),
  /** Of the result's file. */
  crc32: z.string().optional(),
});

/** A line of `history.jsonl`: a result by its name, and its origin. */
export type HistoryEntry = Readonly<z.infer<typeof historySchema>>;

export async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

/** Undefined where there is no such file. Throws `RUN_INVALID`. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw new SpurmemError('RUN_INVALID', `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined where there is no such file; `before` checks it before the schema. Throws `RUN_INVALID`. */
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
 * A result of a run; undefined where there is none. Throws `RUN_INVALID`, also where its name does not begin with its kind, as
 * `trace-unstructured-re-initialized` does, and where its checksum is none of those that the history has of it.
 */
export async function readResultFile<Schema extends z.ZodType>(
  path: string,
  name: string,
  schema: Schema,
  historyPath: string,
): Promise<Recorded<Schema> | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const damaged = (reason: string): SpurmemError =>
    new SpurmemError('RUN_INVALID', `${path} ${reason}. Delete it and run again.`);
  let result: unknown;
  try {
    result = JSON.parse(text);
  } catch (error) {
    throw damaged(`is not JSON (${messageOf(error)})`);
  }
  const kind = typeof result === 'object' && result !== null && 'kind' in result ? result.kind : undefined;
  if (typeof kind !== 'string' || !name.startsWith(kind)) throw damaged('is no result of this name');
  const checked = schema.safeParse(result);
  if (!checked.success) throw damaged(`is no result of this name (${describeIssues(checked.error)})`);
  const history = await readHistoryFile(historyPath);
  // There may be several: a process may be killed after it wrote its line and before it wrote its result.
  const sums = history.flatMap((entry) => (entry.result === name ? (entry.crc32 ?? []) : []));
  if (sums.length > 0 && !sums.includes(checksum(text))) {
    throw damaged('has changed since it was written, by its checksum in history.jsonl');
  }
  return checked.data as Recorded<Schema>;
}

/**
 * The epochs of a run but for a last line that has no end: its process was killed, or the disk was full, before it was whole. Throws
 * `RUN_INVALID` for any other damaged line, and for epochs out of order.
 */
export async function readEpochs(path: string, onWarning: JobOptions['onWarning']): Promise<EpochMetrics[]> {
  const text = (await readIfThere(path)) ?? '';
  const lines = text.trimEnd().split('\n');
  const epochs: EpochMetrics[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const place = `${path}:${index + 1}`;
    const metrics = epochOf(line);
    const before = epochs.at(-1)?.epoch ?? 0;
    if (typeof metrics === 'string') {
      if (index < lines.length - 1 || text.endsWith('\n')) {
        const advice = 'Restore the file, remove that line, or start anew in another folder.';
        throw new SpurmemError('RUN_INVALID', `${place} ${metrics}. ${advice}`);
      }
      onWarning?.(
        `${place} is not an epoch as JSON, as after a write that was cut off. That line is dropped.`,
      );
    } else if (metrics.epoch <= before) {
      const what = `${place} is epoch ${metrics.epoch}, and the line before it epoch ${before}`;
      throw new SpurmemError('RUN_INVALID', `${what}. Restore the file, or start anew in another folder.`);
    } else {
      epochs.push(metrics);
    }
  }
  return epochs;
}

/** The epoch of a line, or what is wrong with it. */
function epochOf(line: string): EpochMetrics | string {
  try {
    // The schema keeps the order of the keys: the line may be written again.
    return epochMetricsSchema.safeParse(jsonOf(withoutChecksum(line))).data ?? 'is not an epoch as JSON';
  } catch (error) {
    return `is damaged: ${messageOf(error)}`;
  }
}

/** Lines that are no entries are left out: nothing rests on them. */
export async function readHistoryFile(path: string): Promise<HistoryEntry[]> {
  const lines = ((await readIfThere(path)) ?? '').split('\n');
  return lines.flatMap((line) => historySchema.safeParse(jsonOf(unchanged(line))).data ?? []);
}

/** A line without its checksum; empty where it has changed. */
function unchanged(line: string): string {
  try {
    return withoutChecksum(line);
  } catch {
    return '';
  }
}

/** The value of a JSON text; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
