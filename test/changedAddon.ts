import { readFileSync } from 'node:fs';
import { ADDON } from './cli/support.js';

/** An operator of libtorch's that the addon calls. */
export const OPERATOR = /_ZN2at4_ops\d+\w+4callE\w*/;

export const otherName = (found: string): string => `${found.slice(0, -1)}${found.endsWith('q') ? 'r' : 'q'}`;

/** The addon with one name in it changed for another of the same length. */
export function changedAddon(from: string | RegExp, to: (found: string) => string): Buffer {
  const bytes = readFileSync(ADDON);
  const found = (typeof from === 'string' ? from : from.exec(bytes.toString('latin1'))?.[0]) ?? '';
  expect(found).not.toBe('');
  expect(to(found)).toHaveLength(found.length);
  bytes.write(to(found), bytes.indexOf(found), 'latin1');
  return bytes;
}
