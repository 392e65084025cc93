// Programs of the system that are run: compilers and installers.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { systemCode } from '../errors.js';
import { throwIfAborted } from '../progress.js';

/** Whether a program is in PATH. */
export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

interface ProgramOptions {
  /** The task, for the message when it is stopped. */
  readonly task: string;
  readonly signal: AbortSignal | undefined;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Receives the program's output, line by line; default: it goes to stderr. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program to its end.
 *
 * @returns its exit code, null where a signal ended it; undefined where there is no such program
 * @throws SpurmemError `INTERRUPTED` when aborted
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { task, signal, env = {}, onLine }: ProgramOptions,
): Promise<number | null | undefined> {
  throwIfAborted(signal, task);
  const output = onLine === undefined ? 2 : 'pipe';
  const child = spawn(program, args, {
    signal,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  const listen = async (stream: Readable | null): Promise<void> => {
    if (stream === null) return;
    for await (const line of createInterface({ input: stream })) onLine?.(line);
  };
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const [exitCode] = await Promise.all([closed, listen(child.stdout), listen(child.stderr)]);
    return exitCode;
  } catch (error) {
    throwIfAborted(signal, task);
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
