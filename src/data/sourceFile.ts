// Files that name a dataset's images: reading them, their CSV rows, and the paths in them.
import { stat } from 'node:fs/promises';
import { isAbsolute, posix, relative } from 'node:path';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';
import { LONGEST_PATH } from '../settings/ranges.js';
import * as z from '../zod.js';

/** A file that names a dataset's images. */
export interface SourceFile {
  /** Absolute. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** The error of a file's bad content. */
export function invalidData(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('DATASET_INVALID', problem, { advice });
}

/** The kind of a path; undefined if it is missing, or a part of it is no folder. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && (found.isDirectory() ? 'folder' : 'file');
}

/**
 * Reads a file. Throws `DATASET_NOT_FOUND` when it is missing or cannot be read.
 *
 * @param what its name in messages, such as `the table`
 */
export async function readSource(path: string, what: string): Promise<SourceFile> {
  try {
    return { path, bytes: await readWhole(path) };
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? `${what} is missing` : messageOf(error);
    throw new SpurmemError('DATASET_NOT_FOUND', `${path}: ${problem}.`, { cause: error });
  }
}

/** Takes a row's cells and its 1-based line, the last one of a row whose quoted value spans several. */
type OnRow = (cells: readonly string[], line: number) => void;

/**
 * Hands over a CSV file's rows in order, without empty lines. Throws `DATASET_INVALID` naming the line of a bad row, and for an empty file.
 *
 * @param onHeader takes the first row, and returns the function that takes the others
 */
export function readCsv({ path, bytes }: SourceFile, onHeader: (...row: Parameters<OnRow>) => OnRow): void {
  let onRow: OnRow | undefined;
  let last = 0;
  try {
    parse(bytes, {
      bom: true,
      skip_empty_lines: true,
      on_record: (cells, { lines }) => {
        last = lines;
        if (onRow === undefined) onRow = onHeader(cells, lines);
        else onRow(cells, lines);
        return null;
      },
    });
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // An unclosed quote swallows the rest of the file: the row that opened it follows the last good one.
    const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED';
    const line = isOpen ? last + 1 : Number(error.lines);
    const problem = isOpen ? 'a quote is not closed' : messageOf(error);
    throw invalidData(`${path}:${line}: not a valid CSV row: ${problem}. Correct that row.`);
  }
  if (onRow === undefined) {
    throw invalidData(`${path}: the file is empty. Write a header and a row for each image.`);
  }
}

/** Returns the trimmed cells of a CSV file's first row that is not empty; none if it is no CSV. */
export function csvHeader(bytes: Uint8Array): readonly string[] {
  return firstRows(bytes, 1)[0] ?? [];
}

/** Returns the trimmed cells of a CSV file's first rows, the header among them; none if it is no CSV. */
export function firstRows(bytes: Uint8Array, to: number): readonly (readonly string[])[] {
  try {
    const rows: string[][] = parse(bytes, {
      bom: true,
      skip_empty_lines: true,
      relax_column_count: true,
      to,
    });
    return rows.map((cells) => cells.map((name) => name.trim()));
  } catch (error) {
    if (error instanceof CsvError) return [];
    throw error;
  }
}

/** Returns an absolute path below a folder relative to it, or with `allowOutside` any; other paths as they are. */
export function insideOf(folder: string, path: string, allowOutside = false): string {
  if (!isAbsolute(path)) return path;
  const inside = relative(folder, path);
  if (allowOutside) return inside;
  return inside === '' || inside === '..' || inside.startsWith('../') ? path : inside;
}

/**
 * The path of a file or folder below the dataset's folder, or with `allowOutside` anywhere, normalized, with `/`.
 *
 * @param otherwise takes the problem of a bad path, a sentence without its end that quotes the path
 */
export function relativePath<Other>(
  text: string,
  otherwise: (problem: string) => Other,
  kind: 'file' | 'folder' = 'file',
  allowOutside = false,
): string | Other {
  const refuse = (problem: string): Other => otherwise(`${JSON.stringify(text)} ${problem}`);
  if (text.length > LONGEST_PATH) return otherwise(`a ${kind} name has ${text.length} characters`);
  if (text.trim() === '' || text.includes('\0')) return refuse(`is not a ${kind} name`);
  if (isAbsolute(text)) return refuse("is an absolute path outside of the dataset's folder");
  const path = posix.normalize(text);
  if (!allowOutside && (path === '..' || path.startsWith('../')))
    return refuse("climbs out of the dataset's folder");
  if (kind === 'folder') return path.replace(/\/$/, '');
  return path.endsWith('/') || path === '.' ? refuse('is a folder') : path;
}

/** Checks the path of a file or folder below the dataset's folder, and normalizes it. */
export function pathBelow(kind: 'file' | 'folder'): z.ZodType<string> {
  return z.string().transform((text, context) =>
    relativePath(
      text,
      (message) => {
        context.addIssue({ code: 'custom', message });
        return z.NEVER;
      },
      kind,
    ),
  );
}
