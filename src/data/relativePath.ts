import { isAbsolute, posix } from 'node:path';
import { z } from 'zod';

/**
 * Normalizes the path of a file or folder below the dataset's folder, with `/`.
 *
 * @returns the path, or what is wrong with it, to follow the quoted text in a message
 */
export function relativePath(
  text: string,
  kind: 'file' | 'folder' = 'file',
): { readonly path: string } | { readonly problem: string } {
  if (text.trim() === '' || text.includes('\0')) return { problem: `is not a ${kind} name` };
  if (isAbsolute(text) || posix.isAbsolute(text)) return { problem: 'is an absolute path' };
  const path = posix.normalize(text);
  if (path === '..' || path.startsWith('../')) return { problem: "climbs out of the dataset's folder" };
  if (kind === 'folder') return { path: path.replace(/\/$/, '') };
  return path.endsWith('/') || path === '.' ? { problem: 'is a folder' } : { path };
}

/** Checks the path of a file or folder below the dataset's folder, and normalizes it. */
export function pathBelow(kind: 'file' | 'folder'): z.ZodType<string> {
  return z.string().transform((text, context) => {
    const checked = relativePath(text, kind);
    if ('path' in checked) return checked.path;
    context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} ${checked.problem}` });
    return z.NEVER;
  });
}
