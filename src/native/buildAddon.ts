// Compiles the addon with CMake against this machine's libtorch. All headers are in npm packages: nothing is downloaded.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, rename, rm, utimes } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { SpurmemError, systemCode } from '../errors.js';
import { makeFolder, unwritable } from '../files.js';
import { throwIfAborted, type JobOptions } from '../progress.js';
import { loadAddon } from './addon.js';
import { ADDON_IN_BUILD, cachedBuild, PACKAGE_ROOT } from './addonFiles.js';
import { libtorchNow, type BuildRecord } from './buildRecord.js';

/** What g++ takes for a file that includes libtorch's headers. */
const BYTES_A_JOB = 1.5 * 2 ** 30;
const TASK = 'compiling the native addon';
const TOOLS =
  'It takes cmake 3.18 or newer, make or ninja, g++ 9 or newer, and libtorch with its headers: on Debian, apt-get install cmake make g++.';
/** How much of the compiler's output an error shows. */
const SHOWN_LINES = 20;

export interface BuiltAddon {
  readonly path: string;
  readonly libtorch: BuildRecord;
  /** Whether it had been built before, and nothing was left to do. */
  readonly reused: boolean;
}

/**
 * Compiles the addon into the user's cache, where this package finds it after a reinstall as well. One that was built before
 * against the same libtorch, and loads, is taken again.
 *
 * @param libtorch folder of the libtorch; default: what LIBTORCH names, that of python3, or Debian's
 * @throws SpurmemError `NATIVE_BUILD_FAILED` where there is no libtorch, no compiler, or it refuses
 */
export async function buildAddon({
  libtorch: root,
  ...control
}: JobOptions & { readonly libtorch?: string | undefined } = {}): Promise<BuiltAddon> {
  const libtorch = libtorchNow(root);
  const folder = cachedBuild(libtorch);
  const path = join(folder, ADDON_IN_BUILD);
  if (existsSync(path) && loads(path)) {
    // The latest one is the one that is loaded.
    await utimes(path, new Date(), new Date());
    return { path, libtorch, reused: true };
  }
  const temporary = `${folder}.${randomUUID()}.tmp`;
  try {
    await makeFolder(temporary);
    await compile(temporary, libtorch, control);
    loadAddon(join(temporary, ADDON_IN_BUILD));
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (error) {
    throw unwritable(error, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return { path, libtorch, reused: false };
}

function loads(path: string): boolean {
  try {
    loadAddon(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Compiles the addon into `<folder>/Release`, beside a record of the libtorch. Nothing else stays in the folder.
 *
 * @throws SpurmemError `NATIVE_BUILD_FAILED`
 */
export async function compile(
  folder: string,
  { root, source }: BuildRecord,
  { onProgress, signal }: JobOptions = {},
): Promise<void> {
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / BYTES_A_JOB)));
  const tool = async (program: string, ...args: string[]): Promise<void> => {
    throwIfAborted(signal, TASK);
    await run(program, args, {
      ...{ signal, env: { ...process.env, LIBTORCH: source === 'LIBTORCH' ? root : undefined } },
      onLine: (line) => {
        // make's "[ 12%]", ninja's "[3/25]".
        const [, done, total = '100'] = /^\[ *(\d+)(?:%|\/(\d+))\]/.exec(line) ?? [];
        if (done === undefined) return;
        const percent = Math.round((100 * Number(done)) / Number(total));
        onProgress?.({ task: TASK, done: percent, total: 100, unit: '%' });
      },
    });
  };
  const { program, generator } = buildTool();
  await tool(
    'cmake',
    ...['-S', PACKAGE_ROOT, '-B', folder, '-G', generator, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DNODE=${process.execPath}`, `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(folder, 'Release')}`],
  );
  await tool(program, '-C', folder, '-j', String(jobs));
  const results = ['Release', 'libtorch.json'];
  const rest = (await readdir(folder)).filter((name) => !results.includes(name));
  await Promise.all(rest.map((name) => rm(join(folder, name), { recursive: true })));
}

/** Whichever of the two build tools is here, and what CMake calls it. */
function buildTool(): { readonly program: string; readonly generator: string } {
  const has = (program: string): boolean =>
    (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
  return !has('make') && has('ninja')
    ? { program: 'ninja', generator: 'Ninja' }
    : { program: 'make', generator: 'Unix Makefiles' };
}

interface Running {
  readonly signal: AbortSignal | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly onLine: (line: string) => void;
}

/** Runs a build tool to its end; its output comes line by line. */
async function run(
  program: string,
  args: readonly string[],
  { signal, env, onLine }: Running,
): Promise<void> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const lines: string[] = [];
  const listen = async (stream: Readable): Promise<void> => {
    for await (const line of createInterface({ input: stream })) {
      lines.push(line);
      onLine(line);
    }
  };
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let exitCode: number | null;
  try {
    [exitCode] = await Promise.all([closed, listen(child.stdout), listen(child.stderr)]);
  } catch (error) {
    throwIfAborted(signal, TASK);
    if (systemCode(error) !== 'ENOENT') throw error;
    throw new SpurmemError('NATIVE_BUILD_FAILED', `${program} is missing, which builds the native addon.`, {
      advice: [TOOLS],
      cause: error,
    });
  }
  if (exitCode === 0) return;
  throw new SpurmemError(
    'NATIVE_BUILD_FAILED',
    `The native addon could not be built: ${program} ended with ${String(exitCode)}.\n${excerpt(lines)}\n`,
    { advice: [TOOLS] },
  );
}

/** From the first error on, or the end. */
function excerpt(lines: readonly string[]): string {
  const error = lines.findIndex((line) => /error/i.test(line));
  const start = error < 0 ? Math.max(0, lines.length - SHOWN_LINES) : error;
  return lines
    .slice(start, start + SHOWN_LINES)
    .map((line) => `  ${line}`)
    .join('\n');
}
