import { cpus } from 'node:os';
import { basename } from 'node:path';
import { vectorInstructions } from './machine.js';
import { versions } from './versions.js';

/** The origin of a number: the command that repeats it, and what it may depend on. */
interface Provenance {
  /** ISO 8601, to the second. */
  readonly date: string;
  /** As typed; null for a call of the library. */
  readonly command: string | null;
  /** The processor's name. */
  readonly cpu: string;
  /** The widest vector instructions, by which libtorch chooses its kernels. */
  readonly kernels: string;
  readonly versions: Readonly<Record<string, string>>;
}

/** Returns the provenance of this process's results. */
export function provenance(): Provenance {
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    command: typedCommand(process.argv),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    kernels: vectorInstructions(),
    versions: versions(),
  };
}

/** Returns the command of a `process.argv`, quoted for a shell; null if it is not spurmem's command line. */
export function typedCommand([, script = '', ...words]: readonly string[]): string | null {
  if (basename(script, '.js') !== 'spurmem') return null;
  return ['spurmem', ...words.map(quotedWord)].join(' ');
}

/** Returns a word quoted for a shell. */
export function quotedWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
