// Installs PyTorch if there is none, and compiles an addon for it: `spurmem build`.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
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
  chooseLibtorch,
  describeLibtorch,
  ENVIRONMENT_RECORD,
  firstLibtorch,
  hasHeaders,
  type Libtorch,
  newerThanTested,
  ownEnvironment,
  ownPlace,
  PINNED_TORCH,
  pythonOf,
} from './libtorch.js';

/** Whether a program is in PATH. */
function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/**
 * Runs a program to its end.
 *
 * @param task for the message when it is stopped
 * @param env added to this process's environment
 * @param onLine receives the program's output, line by line; default: it goes to stderr
 * @returns its exit code, null where a signal ended it; undefined where there is no such program
 * @throws SpurmemError `INTERRUPTED` when aborted
 */
async function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  task: string,
  signal: AbortSignal | undefined,
  env: Readonly<Record<string, string>> = {},
  onLine?: (line: string) => void,
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

/** The packages of computing. */
export const TORCH_PACKAGES: readonly string[] = [`torch==${PINNED_TORCH}`];

/** Packages that the tests and benchmarks compare with. */
export const TEST_PACKAGES: readonly string[] = [
  'numpy==2.4.6',
  'torchvision==0.29.2',
  'timm==1.0.31',
  'safetensors==0.8.0',
  'tensorboard==2.21.0',
];

/** The sizes of torch and its dependencies, most of it CUDA's libraries; measured with pip on x64. */
const DOWNLOAD_GB = 3;
const UNPACKED_GB = 5.5;

const INSTALLING = 'installing PyTorch';

/**
 * Creates the environment, or adds the packages that it lacks. One that a killed call left incomplete is made anew. Several calls at once,
 * also of other processes, install it once.
 *
 * @param packages as pip takes them
 * @throws SpurmemError `INSTALL_FAILED` without Python, a network, or room on the disk
 */
export async function ensureEnvironment(
  packages: readonly string[],
  { onInfo, signal }: JobOptions = {},
): Promise<Libtorch> {
  const environment = ownEnvironment();
  // Its lock lies beside it, where a half-made environment can be removed.
  const lockFolder = join(userCache(), 'installing');
  await makeFolder(lockFolder);
  return buildOnce(
    lockFolder,
    {
      task: INSTALLING,
      ready: () => Promise.resolve(installedIn(environment, packages)),
      waits: () => {
        onInfo?.(`Another process is ${INSTALLING} into ${environment}. Waiting for it.`);
      },
      build: async () => {
        await install(environment, packages, { onInfo, signal });
        const libtorch = installedIn(environment, packages);
        if (libtorch === undefined) throw notInstalled(`pip has put no torch into ${environment}.`);
        return libtorch;
      },
    },
    signal,
  );
}

/** The environment's libtorch, where all of these packages were installed. */
function installedIn(environment: string, packages: readonly string[]): Libtorch | undefined {
  const has = recordOf(environment);
  return packages.every((name) => has.includes(name)) ? ownPlace().found : undefined;
}

/** The packages that were installed; none where a set-up did not come to its end. */
function recordOf(environment: string): string[] {
  try {
    const record = JSON.parse(readFileSync(join(environment, ENVIRONMENT_RECORD), 'utf8')) as unknown;
    return Array.isArray(record) ? record.map(String) : [];
  } catch {
    return [];
  }
}

async function install(
  environment: string,
  packages: readonly string[],
  { onInfo, signal }: JobOptions,
): Promise<void> {
  const isWhole = installedIn(environment, []) !== undefined;
  const has = isWhole ? recordOf(environment) : [];
  const tool = hasProgram('uv') ? 'uv' : 'pip';
  if (has.length === 0) {
    const { bavail, bsize } = await statfs(userCache());
    requireRoom(userCache(), bavail * bsize);
    onInfo?.(
      `${tool} will download torch ${PINNED_TORCH} with CUDA\u2019s libraries, about ${DOWNLOAD_GB} GB, and install it into ${environment}, ${UNPACKED_GB} GB.`,
    );
    // An earlier call was stopped before its end.
    await rm(environment, { recursive: true, force: true });
    await makeEnvironment(environment, signal);
  } else {
    onInfo?.(
      `${tool} will add ${packages.filter((name) => !has.includes(name)).join(', ')} to ${environment}.`,
    );
  }
  const wanted = [...new Set([...has, ...packages])];
  const [program = '', ...pip] = tool === 'uv' ? ['uv', 'pip'] : [pythonOf(environment), '-m', 'pip'];
  const env = { VIRTUAL_ENV: environment, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  const code = await runProgram([program, ...pip, 'install', ...wanted], INSTALLING, signal, env);
  if (code !== 0) {
    const problem = `${tool} could not install ${wanted.join(', ')}; what it says is above.`;
    throw notInstalled(
      problem,
      isWhole ? [`${environment} is kept as it is; delete it to install all of it anew.`] : [],
    );
  }
  await writeAtomic(join(environment, ENVIRONMENT_RECORD), JSON.stringify(wanted));
}

async function makeEnvironment(environment: string, signal: AbortSignal | undefined): Promise<void> {
  const python = hasProgram('python3') ? 'python3' : 'python';
  const [program = '', ...args] = hasProgram('uv') ? ['uv', 'venv'] : [python, '-m', 'venv'];
  const code = await runProgram([program, ...args, environment], INSTALLING, signal);
  if (code === 0) return;
  await rm(environment, { recursive: true, force: true });
  throw notInstalled(
    code === undefined
      ? 'There is no python3, which installs it.'
      : `${program} ${args.join(' ')} failed; what it says is above. On Debian: apt-get install python3-venv.`,
  );
}

/** Throws where a folder that has so many bytes free has too few. pip keeps what it downloads in the user's cache, too. */
export function requireRoom(folder: string, free: number): void {
  const needed = DOWNLOAD_GB + UNPACKED_GB;
  if (free >= needed * 1e9) return;
  throw notInstalled(
    `${folder} has ${(free / 1e9).toFixed(1)} GB free, and it takes ${needed} GB: ${UNPACKED_GB} for PyTorch with CUDA\u2019s libraries, and ${DOWNLOAD_GB} while they are downloaded.`,
    ['Make room, or name a folder on another disk in XDG_CACHE_HOME.'],
  );
}

function notInstalled(problem: string, advice: readonly string[] = []): SpurmemError {
  return new SpurmemError('INSTALL_FAILED', `PyTorch could not be installed. ${problem}`, {
    advice: [
      ...advice,
      `By hand: pip install ${TORCH_PACKAGES.join(' ')} (for the tests also ${TEST_PACKAGES.join(' ')}) into a virtual environment, and activate it; or name a wheel\u2019s torch folder or an unpacked libtorch zip in LIBTORCH.`,
    ],
  });
}

/** The memory of g++ for a file that includes libtorch's headers. */
const BYTES_A_JOB = 1.5 * 2 ** 30;
const COMPILING = 'compiling the native addon';
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
    throw notCompiled(
      `${describeLibtorch(libtorch)} has no headers, with which the addon is compiled.`,
      'On Debian, apt-get install libtorch-dev.',
      'Or activate a Python that has PyTorch.',
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
    const env = { ...environment, LIBTORCH: libtorch.root };
    const exitCode = await runProgram([program, ...args], COMPILING, signal, env, (line) => {
      lines.push(line);
      // make's "[ 12%]", ninja's "[3/25]".
      const [, done, total = '100'] = /^\[ *(\d+)(?:%|\/(\d+))\]/.exec(line) ?? [];
      if (done === undefined) return;
      const percent = Math.round((100 * Number(done)) / Number(total));
      onProgress?.({ task: COMPILING, done: percent, total: 100, unit: '%' });
    });
    if (exitCode === 0) return;
    // From the first error on, or the end.
    const error = lines.findIndex((line) => /error/i.test(line));
    const shown = error < 0 ? lines.slice(-SHOWN_LINES) : lines.slice(error, error + SHOWN_LINES);
    throw notCompiled(
      exitCode === undefined
        ? `${program} is missing, which builds the native addon.`
        : `The native addon could not be built: ${program} ended with ${String(exitCode)}.\n${shown.map((line) => `  ${line}`).join('\n')}\n`,
      TOOLS,
    );
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

function notCompiled(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('NATIVE_BUILD_FAILED', problem, { advice });
}
