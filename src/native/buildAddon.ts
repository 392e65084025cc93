// Compiles the addon with CMake against this machine's libtorch. All headers are in npm packages: nothing is downloaded.
import { randomUUID } from 'node:crypto';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { SpurmemError } from '../errors.js';
import { makeFolder, unwritable } from '../files.js';
import { allowedMemory } from '../machine.js';
import type { JobOptions } from '../progress.js';
import { ADDON_IN_BUILD, cachedBuild, compiledAddon, PACKAGE_ROOT, prebuiltAddon } from './addonFiles.js';
import { chooseLibtorch, firstLibtorch, newerThanTested } from './findLibtorch.js';
import { describeLibtorch, hasHeaders, type Libtorch } from './libtorch.js';
import { hasProgram, runProgram } from './programs.js';
import { ensureEnvironment, TORCH_PACKAGES } from './torchEnvironment.js';
import { tryAddon } from './trial.js';

/** The memory of g++ for a file that includes libtorch's headers. */
const BYTES_A_JOB = 1.5 * 2 ** 30;
const TASK = 'compiling the native addon';
const TOOLS =
  'It takes cmake 3.18 or newer, make or ninja, and g++ 11 or newer: on Debian, apt-get install cmake make g++.';
/** Lines of the compiler's output that an error shows. */
const SHOWN_LINES = 20;

interface BuiltAddon {
  readonly path: string;
  readonly libtorch: Libtorch;
  /** Whether it was there: the package brings it, or it had been compiled before. */
  readonly reused: boolean;
}

/**
 * Makes sure that there is an addon for this machine's libtorch: the package's, where it works, or one that is compiled into the user's
 * cache, where a reinstalled package finds it again. Where there is no libtorch, PyTorch is installed into the user's cache.
 *
 * @param libtorch its folder, which is taken from now on; default: the first of the places that `doctor` lists
 * @throws SpurmemError `LIBTORCH_UNUSABLE`, `INSTALL_FAILED`, or `NATIVE_BUILD_FAILED` where there is no compiler, or it refuses
 */
export async function buildAddon({
  libtorch: root,
  ...control
}: JobOptions & { readonly libtorch?: string | undefined } = {}): Promise<BuiltAddon> {
  // Without a folder, one that an earlier build was given is taken no more.
  if (root === undefined) await chooseLibtorch(undefined);
  const libtorch = firstLibtorch(root) ?? (await ensureEnvironment(TORCH_PACKAGES, control));
  const warning = newerThanTested(libtorch);
  if (warning !== undefined) control.onWarning?.(warning);
  const ready = [compiledAddon(libtorch), prebuiltAddon(libtorch)].find(
    (path) => path !== undefined && tryAddon(path, libtorch) === undefined,
  );
  const path = ready ?? (await compiled(libtorch, control));
  if (root !== undefined) await chooseLibtorch(root);
  return { path, libtorch, reused: ready !== undefined };
}

/** Compiles the addon into the user's cache, and returns its path. */
async function compiled(libtorch: Libtorch, control: JobOptions): Promise<string> {
  if (!hasHeaders(libtorch.root)) {
    const advice = ['On Debian, apt-get install libtorch-dev.', 'Or activate a Python that has PyTorch.'];
    throw failed(
      `${describeLibtorch(libtorch)} has no headers, with which the addon is compiled.`,
      ...advice,
    );
  }
  const folder = cachedBuild(libtorch);
  const temporary = `${folder}.${randomUUID()}.tmp`;
  try {
    await makeFolder(temporary);
    await compile(temporary, libtorch, control);
    const problem = tryAddon(join(temporary, ADDON_IN_BUILD), libtorch);
    if (problem !== undefined) throw failed(`The native addon was built, and does not work: ${problem}`);
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  } catch (error) {
    throw unwritable(error, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return join(folder, ADDON_IN_BUILD);
}

/**
 * Compiles the addon into `<folder>/Release`, beside a record of the libtorch. Nothing else stays in the folder.
 *
 * @param environment of CMake's, such as another compiler in CXX
 * @throws SpurmemError `NATIVE_BUILD_FAILED`
 */
export async function compile(
  folder: string,
  libtorch: Libtorch,
  { onProgress, signal }: JobOptions = {},
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(allowedMemory() / BYTES_A_JOB)));
  const tool = async (program: string, ...args: string[]): Promise<void> => {
    const lines: string[] = [];
    const exitCode = await runProgram(program, args, {
      task: TASK,
      signal,
      env: { ...environment, LIBTORCH: libtorch.root },
      onLine: (line) => {
        lines.push(line);
        // make's "[ 12%]", ninja's "[3/25]".
        const [, done, total = '100'] = /^\[ *(\d+)(?:%|\/(\d+))\]/.exec(line) ?? [];
        if (done === undefined) return;
        const percent = Math.round((100 * Number(done)) / Number(total));
        onProgress?.({ task: TASK, done: percent, total: 100, unit: '%' });
      },
    });
    if (exitCode === 0) return;
    const problem =
      exitCode === undefined
        ? `${program} is missing, which builds the native addon.`
        : `The native addon could not be built: ${program} ended with ${String(exitCode)}.\n${excerpt(lines)}\n`;
    throw failed(problem, TOOLS);
  };
  const [program, generator] =
    !hasProgram('make') && hasProgram('ninja') ? ['ninja', 'Ninja'] : ['make', 'Unix Makefiles'];
  await tool(
    'cmake',
    ...['-S', PACKAGE_ROOT, '-B', folder, '-G', generator, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DNODE=${process.execPath}`, `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(folder, 'Release')}`],
  );
  await tool(program, '-C', folder, '-j', String(jobs));
  await writeFile(join(folder, 'libtorch.json'), JSON.stringify(libtorch));
  const results = ['Release', 'libtorch.json'];
  const rest = (await readdir(folder)).filter((name) => !results.includes(name));
  await Promise.all(rest.map((name) => rm(join(folder, name), { recursive: true })));
}

function failed(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('NATIVE_BUILD_FAILED', problem, { advice });
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
