import { isAbsolute, posix } from 'node:path';
import { LONGEST_PATH } from '../settings/ranges.js';
import * as z from '../zod.js';

/**
 * The path of a file or folder below the dataset's folder, normalized, with `/`.
 *
 * @param otherwise takes what is wrong with the path, quoted, as a sentence without its end
 */
export function relativePath<Other>(
  text: string,
  otherwise: (problem: string) => Other,
  kind: 'file' | 'folder' = 'file',
): string | Other {
  const refuse = (problem: string): Other => otherwise(`${JSON.stringify(text)} ${problem}`);
  if (text.length > LONGEST_PATH) return otherwise(`a ${kind} name has ${text.length} characters`);
  if (text.trim() === '' || text.includes('\0')) return refuse(`is not a ${kind} name`);
  if (isAbsolute(text) || posix.isAbsolute(text)) return refuse('is an absolute path');
  const path = posix.normalize(text);
  if (path === '..' || path.startsWith('../')) return refuse("climbs out of the dataset's folder");
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
