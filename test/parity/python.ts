import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Threads of both sides: sums over threads must be split in the same way. */
export const THREADS = 1;

/** The same where sums are split over more than one thread: slow while other test files run, so not for all. */
export const TEAM = Math.min(availableParallelism(), 2);

const SERVER = fileURLToPath(new URL('server.py', import.meta.url));

/** Runs a script of scripts/reference with these settings (`common.py`), and returns its output. */
export function reference(script: string, settings: object): string {
  return python([referencePath(script)], JSON.stringify(settings));
}

export function referencePath(script: string): string {
  return fileURLToPath(new URL(`../../scripts/reference/${script}.py`, import.meta.url));
}

/** Runs Python with these arguments where PyTorch is imported already (`server.py`); gives what it printed. */
export function python(args: readonly string[], stdin = ''): string {
  const [executable = '', ...server] = request();
  return execFileSync(executable, [...server, ...args], {
    input: stdin,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    // PyTorch leaves temporary folders behind.
    env: { ...process.env, OMP_NUM_THREADS: String(THREADS), TMPDIR: sharedFolder() },
  });
}

/** A program that does the same, for code that starts Python itself. Its process is not the one that computes. */
export function pythonProgram(): string {
  const program = join(sharedFolder(), 'python-program');
  const command = request().map((word) => `'${word}'`);
  writeFileSync(program, `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`, { mode: 0o755 });
  return program;
}

function request(): string[] {
  return [process.env.SPURMEM_PYTHON ?? 'python3', '-S', SERVER, 'run', join(sharedFolder(), 'python')];
}

function sharedFolder(): string {
  const shared = process.env.SPURMEM_TEST_SHARED;
  if (shared === undefined) throw new Error('jest\u2019s globalSetup, test/globalSetup.mjs, did not run');
  return shared;
}
