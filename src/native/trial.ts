// Tries a prebuilt addon in a process of its own before it is used for the first time: one that does not fit a libtorch can end
// the process that loads it.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { userCache } from '../userCache.js';
import { libraryFolder, type Libtorch } from './libtorch.js';

/** Far more than a busy machine takes for it. */
const PATIENCE_MS = 120_000;

/**
 * The problem of an addon with a libtorch, if there is one. That there is none is kept in the user's cache as long as neither file nor
 * the host changes. A problem is not: its cause, such as a package that is missing, may be gone the next time.
 */
export function tryAddon(path: string, libtorch: Libtorch): string | undefined {
  const file = join(userCache(), 'trials', keyOf(path, libtorch));
  if (existsSync(file)) return undefined;
  const problem = run(path, libtorch);
  if (problem === undefined) keep(file);
  return problem;
}

function run(path: string, libtorch: Libtorch): string | undefined {
  const script = fileURLToPath(new URL('./trialProcess.js', import.meta.url));
  return problemOf(
    spawnSync(process.execPath, [script, path, JSON.stringify(libtorch)], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  );
}

/** Returns why a process ended as it did; undefined if all went well. */
export function problemOf({
  status,
  signal,
  stderr,
  error,
}: Pick<SpawnSyncReturns<string>, 'status' | 'signal' | 'stderr' | 'error'>): string | undefined {
  if (status === 0) return undefined;
  if (error !== undefined && !('code' in error && error.code === 'ETIMEDOUT')) return error.message;
  if (signal === 'SIGTERM') return `it did not end within ${PATIENCE_MS / 1000} seconds`;
  if (signal !== null) return `it ended the process by ${signal}`;
  const [reason = ''] = stderr.trim().split('\n').slice(-1);
  return reason === '' ? `the process ended with ${String(status)}` : reason;
}

/** Tells both files from others of the same paths. */
function keyOf(path: string, { root, version }: Libtorch): string {
  const folder = libraryFolder(root);
  // Debian's without its development files has a name with a version.
  const libraries = readdirSync(folder).filter((name) => name.startsWith('libtorch_cpu.so'));
  const parts = [path, ...libraries.sort().map((name) => join(folder, name))].map((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return `${file} ${found?.size ?? ''} ${found?.mtimeMs ?? ''}`;
  });
  return createHash('sha256')
    .update([version, hostname(), ...parts].join('\n'))
    .digest('hex')
    .slice(0, 16);
}

/** Where the cache cannot be written, the addon is tried again next time. */
function keep(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  } catch {
    // As above.
  }
}
