// Installs PyTorch if there is none, and compiles an addon for it: `spurmem build`.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { buildOnce } from '../buildOnce.js';
import { SpurmemError, systemCode } from '../errors.js';
import { makeFolder, unwritable, writeAtomic } from '../files.js';
import { allowedMemory } from '../machine.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { userCache } from '../userCache.js';
import {
  ADDON_IN_BUILD,
  cachedBuild,
  compiledAddon,
  PACKAGE_ROOT,
  prebuiltAddon,
  tryAddon,
} from './addonFiles.js';
import {
  ALONE,
  chooseLibtorch,
  describeLibtorch,
  ENVIRONMENT_RECORD,
  firstLibtorch,
  hasHeaders,
  hasNvidiaDriver,
  isForCpuAlone,
  type Libtorch,
  newerThanTested,
  ownEnvironment,
  ownPlace,
  PINNED_TORCH,
  pythonOf,
  sitePackages,
} from './libtorch.js';

const TORCH = `torch==${PINNED_TORCH}`;

/** Whether a program is in PATH. */
function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

interface ProgramOptions {
  /** The task, for the message if it is stopped. */
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
 * @returns its exit code, null if a signal ended it; undefined if there is no such program
 * @throws SpurmemError `INTERRUPTED` when aborted
 */
async function runProgram(
  program: string,
  args: readonly string[],
  { task, signal, env, onLine }: ProgramOptions,
): Promise<number | null | undefined> {
  throwIfAborted(signal, task);
  const output = onLine === undefined ? 2 : 'pipe';
  const child = spawn(program, args, {
    signal,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null && onLine !== undefined) createInterface({ input: stream }).on('line', onLine);
  }
  try {
    const [exitCode] = (await once(child, 'close')) as [number | null];
    return exitCode;
  } catch (error) {
    throwIfAborted(signal, task);
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const INSTALLING = 'installing PyTorch';

/**
 * Creates the package's own environment with PyTorch, if it is missing or a killed call left it half made, or adds what it lacks. If several
 * calls come at once, also in other processes, one of them installs.
 *
 * @param gpu whether to install the libraries that GPUs and Python's torch take; default: if the machine has an NVIDIA driver
 * @throws SpurmemError `INSTALL_FAILED`, such as without Python, a network, or room on the disk
 */
export async function ensureEnvironment({
  gpu = hasNvidiaDriver(),
  onInfo,
  signal,
}: JobOptions & { readonly gpu?: boolean | undefined } = {}): Promise<Libtorch> {
  const environment = ownEnvironment();
  // The lock lies outside, so that a half-made environment can be removed.
  const lockFolder = join(userCache(), 'installing');
  await makeFolder(lockFolder);
  return buildOnce(
    lockFolder,
    {
      task: INSTALLING,
      ready: () => Promise.resolve(gpu && isForCpuAlone() ? undefined : ownPlace().found),
      waits: () => {
        onInfo?.(`Another process is ${INSTALLING} into ${environment}. Waiting for it.`);
      },
      build: () => install(environment, gpu, { onInfo, signal }),
    },
    signal,
  );
}

async function install(environment: string, gpu: boolean, { onInfo, signal }: JobOptions): Promise<Libtorch> {
  const hasUv = hasProgram('uv');
  const what = gpu
    ? ['', 'all libraries for GPUs, about 3 GB', '5.5 GB']
    : [' for the CPU alone', 'two of CUDA\u2019s libraries, about 0.6 GB', '1.3 GB'];
  onInfo?.(
    `${hasUv ? 'uv' : 'pip'} will download torch ${PINNED_TORCH}${what[0]} with ${what[1]}, and install it into ${environment}, ${what[2]}.`,
  );
  // An environment for the CPU alone stays, and gets the rest.
  if (!isForCpuAlone()) {
    await rm(environment, { recursive: true, force: true });
    const [program, ...args] = hasUv ? (['uv', 'venv'] as const) : (['python3', '-m', 'venv'] as const);
    if ((await runProgram(program, [...args, environment], { task: INSTALLING, signal })) !== 0) {
      await rm(environment, { recursive: true, force: true });
      throw notInstalled(
        `${program} ${args.join(' ')} failed; its messages are above. It takes Python: on Debian, apt-get install python3-venv.`,
      );
    }
  }
  const packages = gpu ? [TORCH] : [ALONE, TORCH];
  await installPackages(environment, packages, signal);
  if (!gpu) await installPackages(environment, [await linkedByTorch()], signal);
  await writeAtomic(join(environment, ENVIRONMENT_RECORD), JSON.stringify(packages));
  const { found } = ownPlace();
  if (found === undefined) throw notInstalled(`pip has put no torch into ${environment}.`);
  return found;
}

/** Returns CUDA's two packages that libtorch_cpu.so is linked with, as pip takes them, in the version that the wheel names. */
async function linkedByTorch(): Promise<string> {
  const packages = sitePackages();
  const metadata = await readFile(join(packages, `torch-${PINNED_TORCH}.dist-info`, 'METADATA'), 'utf8');
  const version = /^Requires-Dist: cuda-toolkit\[.*\]==([\d.]+)/m.exec(metadata)?.[1];
  if (version !== undefined) return `cuda-toolkit[cudart,cupti]==${version}`;
  throw notInstalled(`${packages} has a torch that names no version of CUDA.`);
}

/** Installs packages, as pip takes them, into an environment. Throws `INSTALL_FAILED`. */
export async function installPackages(
  environment: string,
  packages: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
  const [program, ...args] = hasProgram('uv')
    ? (['uv', 'pip', 'install'] as const)
    : // What torch lacks on purpose is no conflict.
      ([pythonOf(environment), '-m', 'pip', 'install', '--no-warn-conflicts'] as const);
  const env = { VIRTUAL_ENV: environment, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  const options = { task: INSTALLING, signal, env };
  if ((await runProgram(program, [...args, ...packages], options)) !== 0)
    throw notInstalled(
      `${packages.filter((name) => name !== ALONE).join(', ')} could not be installed; pip\u2019s messages are above.`,
    );
}

function notInstalled(problem: string): SpurmemError {
  return new SpurmemError('INSTALL_FAILED', `PyTorch could not be installed. ${problem}`, {
    advice: [
      `By hand: pip install ${TORCH} into a virtual environment, and activate it; or name a wheel\u2019s torch folder or an unpacked libtorch zip in LIBTORCH.`,
    ],
  });
}

/** The memory of g++ for a file that includes libtorch's headers. */
const BYTES_PER_JOB = 1.5 * 2 ** 30;
const COMPILING = 'compiling the native addon';
/** Lines of the compiler's output that an error shows. */
const SHOWN_LINES = 20;

export interface BuildOptions {
  readonly libtorch?: string | undefined;
  readonly gpu?: boolean | undefined;
}

interface BuiltAddon {
  readonly path: string;
  readonly libtorch: Libtorch;
  /** Whether it was there: the package brings it, or it had been compiled before. */
  readonly reused: boolean;
}

/**
 * Makes sure that there is an addon for this machine's libtorch: the package's, if it works, or one that is compiled into the user's
 * cache, where a reinstalled package finds it again. Without a libtorch, PyTorch is installed into the user's cache.
 *
 * @param libtorch its folder, which is preferred from now on; default: the first of the places that `doctor` lists
 * @param gpu as of `ensureEnvironment`
 * @throws SpurmemError `LIBTORCH_UNUSABLE`, `INSTALL_FAILED`, or `NATIVE_BUILD_FAILED` without a compiler, or if it fails
 */
export async function buildAddon({
  libtorch: root,
  gpu,
  ...control
}: JobOptions & BuildOptions = {}): Promise<BuiltAddon> {
  // Without a folder, the one of an earlier build is no longer preferred.
  if (root === undefined) await chooseLibtorch(undefined);
  const first = firstLibtorch(root);
  const lacksGpu = gpu === true && isForCpuAlone() && first?.root === ownPlace().found?.root;
  const libtorch = first === undefined || lacksGpu ? await ensureEnvironment({ gpu, ...control }) : first;
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
    throw notCompiled(
      `${describeLibtorch(libtorch)} has no headers, with which the addon is compiled.`,
      'On Debian, apt-get install libtorch-dev. Or activate a Python that has PyTorch.',
    );
  }
  const folder = cachedBuild(libtorch);
  const temporary = `${folder}.${randomUUID()}.tmp`;
  try {
    await makeFolder(temporary);
    await compile(temporary, libtorch, control);
    const problem = tryAddon(join(temporary, ADDON_IN_BUILD), libtorch);
    if (problem !== undefined) throw notCompiled(`The native addon was built, and does not work: ${problem}`);
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
 * Compiles the addon into `<folder>/Release` and records the libtorch in `<folder>`. Nothing else stays in the folder.
 *
 * @param env variables for CMake, such as another compiler in CXX
 * @throws SpurmemError `NATIVE_BUILD_FAILED`
 */
export async function compile(
  folder: string,
  libtorch: Libtorch,
  { onProgress, signal }: JobOptions = {},
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const lines: string[] = [];
    let reported = 0;
    const onLine = (line: string): void => {
      lines.push(line);
      // make's "[ 12%]", ninja's "[3/25]".
      const [, done, total = '100'] = /^\[ *(\d+)(?:%|\/(\d+))\]/.exec(line) ?? [];
      if (done === undefined) return;
      const percent = Math.round((100 * Number(done)) / Number(total));
      // make names 100 % twice.
      if (percent !== reported) onProgress?.({ task: COMPILING, done: percent, total: 100, unit: '%' });
      reported = percent;
    };
    const options = { task: COMPILING, signal, env: { ...env, LIBTORCH: libtorch.root }, onLine };
    const exitCode = await runProgram(program, args, options);
    if (exitCode === 0) return;
    // From the first error on, or the end.
    const error = lines.findIndex((line) => /error/i.test(line));
    const shown = error < 0 ? lines.slice(-SHOWN_LINES) : lines.slice(error, error + SHOWN_LINES);
    throw notCompiled(
      exitCode === undefined
        ? `${program} is missing, which builds the native addon.`
        : `The native addon could not be built: ${program} ended with ${String(exitCode)}.\n${shown.map((line) => `  ${line}`).join('\n')}\n`,
      'It takes cmake 3.18 or newer, make or ninja, and g++ 11 or newer: on Debian, apt-get install cmake make g++.',
    );
  };
  const [program, generator] =
    !hasProgram('make') && hasProgram('ninja') ? ['ninja', 'Ninja'] : ['make', 'Unix Makefiles'];
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(allowedMemory() / BYTES_PER_JOB)));
  await run(
    'cmake',
    ...['-S', PACKAGE_ROOT, '-B', folder, '-G', generator, '-DCMAKE_BUILD_TYPE=Release'],
    ...[`-DNODE=${process.execPath}`, `-DCMAKE_LIBRARY_OUTPUT_DIRECTORY=${join(folder, 'Release')}`],
  );
  await run(program, '-C', folder, '-j', String(jobs));
  await writeFile(join(folder, 'libtorch.json'), JSON.stringify(libtorch));
  const rest = (await readdir(folder)).filter((name) => name !== 'Release' && name !== 'libtorch.json');
  await Promise.all(rest.map((name) => rm(join(folder, name), { recursive: true })));
}

function notCompiled(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('NATIVE_BUILD_FAILED', problem, { advice });
}
