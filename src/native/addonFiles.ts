// Where addons lie, whether one works with a libtorch, and what to do if it does not load.
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../errors.js';
import { userCache } from '../userCache.js';
import {
  compareVersions,
  DEBIAN,
  describeLibtorch,
  filesOf,
  libraryFolder,
  type Libtorch,
  minorOf,
  numbered,
  readLibtorch,
} from './libtorch.js';

export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The addon within the folder of a build, as cmake-js lays it out. */
export const ADDON_IN_BUILD = join('Release', 'spurmem.node');

/** Each libtorch's folder has the layout that node-gyp-build reads: prebuilds/<platform>-<arch>/spurmem.<C library>.node. */
export const PREBUILDS = join(PACKAGE_ROOT, 'prebuilds');

const isCheckout = existsSync(join(PACKAGE_ROOT, 'scripts', 'setup.sh'));
const REBUILD = `rebuild: ${isCheckout ? 'scripts/setup.sh' : 'npx spurmem build'}`;

const existing = (...paths: readonly string[]): string | undefined => paths.find((path) => existsSync(path));

/** The addon that cmake-js or node-gyp built in this checkout. */
export function checkoutAddon(): string | undefined {
  return existing(...['build-cmake', 'build'].map((folder) => join(PACKAGE_ROOT, folder, ADDON_IN_BUILD)));
}

/** The addon that `spurmem build` compiled against this libtorch. */
export function compiledAddon(libtorch: Libtorch): string | undefined {
  return existing(join(cachedBuild(libtorch), ADDON_IN_BUILD));
}

/** The package's addon for this platform, C library and minor version of libtorch. */
export function prebuiltAddon(libtorch: Libtorch): string | undefined {
  const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as { path(folder: string): string };
  try {
    return nodeGypBuild.path(join(PREBUILDS, prebuildName(libtorch)));
  } catch {
    return undefined;
  }
}

/** Returns the libtorch that an addon was built against, by the record next to its folder; undefined for an addon that was moved. */
export function buildRecord(path: string): Libtorch | undefined {
  try {
    const record = JSON.parse(readFileSync(join(dirname(path), '..', 'libtorch.json'), 'utf8')) as Libtorch;
    const { root, source, version, cxx11Abi } = record;
    // Without zod, which takes as long to load as all else that the addon needs.
    const types = [root, source, version, cxx11Abi].map((value) => typeof value);
    return types.join() === 'string,string,string,boolean' ? record : undefined;
  } catch {
    return undefined;
  }
}

/** The name of the prebuild for a libtorch: one for all patches of a minor version, and another for Debian's libraries' own names. */
export function prebuildName({ version, cxx11Abi, root }: Libtorch): string {
  return `libtorch-${minorOf(version)}${cxx11Abi ? '' : '-pre-cxx11'}${root === DEBIAN ? '-debian' : ''}`;
}

/** The names of the package's prebuilds, such as `libtorch-2.15`, the newest first. */
export function prebuildNames(): string[] {
  return filesOf(PREBUILDS)
    .filter((name) => name.startsWith('libtorch-'))
    .sort((a, b) => compareVersions(b, a));
}

/** The names of the prebuilds whose native sources differ from the present ones. */
export function stalePrebuilds(): string[] {
  const sources = nativeSources();
  return prebuildNames().filter((name) => {
    const built = JSON.parse(readFileSync(join(PREBUILDS, name, 'built.json'), 'utf8')) as {
      sources: string;
    };
    return built.sources !== sources;
  });
}

/**
 * The folder in the user's cache where `spurmem build` builds against a libtorch. Its name depends on the package's version, its native
 * sources, the platform and the C library, which a reinstall does not change. Node's version does not matter to an addon of Node-API.
 */
export function cachedBuild({ version, root }: Libtorch): string {
  const text = readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  const sources = `${(JSON.parse(text) as { version: string }).version}-${nativeSources()}`;
  const platform = `${process.platform}-${process.arch}-${cLibrary()}`;
  return join(userCache(), 'addons', sources, platform, `libtorch-${version}-${hashOf([root])}`);
}

/** A hash that identifies the native sources. */
export function nativeSources(): string {
  const native = join(PACKAGE_ROOT, 'native');
  const files = (readdirSync(native, { recursive: true }) as string[])
    .filter((name) => /\.(?:cpp|h)$/.test(name))
    .sort()
    .map((name) => join(native, name));
  return hashOf([join(PACKAGE_ROOT, 'CMakeLists.txt'), ...files].map((path) => readFileSync(path)));
}

export function cLibrary(): 'glibc' | 'musl' {
  return existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
}

function hashOf(parts: readonly (string | Buffer)[], digits = 8): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, digits);
}

/** Far longer than a busy machine takes. */
const PATIENCE_MS = 120_000;

/**
 * Runs an addon with a libtorch in a process of its own, and returns the problem if there is one. A success is kept in the user's cache
 * until a file or the host changes; a problem is not, since its cause, such as a missing package, may be gone the next time.
 */
export function tryAddon(path: string, libtorch: Libtorch): string | undefined {
  const file = join(userCache(), 'trials', trialKey(path, libtorch));
  if (existsSync(file)) return undefined;
  const script = fileURLToPath(new URL('./trialProcess.js', import.meta.url));
  const problem = problemOf(
    spawnSync(process.execPath, [script, path, JSON.stringify(libtorch)], {
      encoding: 'utf8',
      timeout: PATIENCE_MS,
      stdio: ['ignore', 'ignore', 'pipe'],
    }),
  );
  if (problem !== undefined) return problem;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
  } catch {
    // Without a writable cache, the addon is tried again next time.
  }
  return undefined;
}

type Outcome = Pick<SpawnSyncReturns<string>, 'status' | 'signal' | 'stderr' | 'error'>;

/** The reason that a process failed; undefined if it succeeded. */
export function problemOf({ status, signal, stderr, error }: Outcome): string | undefined {
  if (status === 0) return undefined;
  if (signal === 'SIGTERM') return `it did not end within ${PATIENCE_MS / 1000} seconds`;
  if (signal !== null) return `it ended the process by ${signal}`;
  const reason = error?.message ?? stderr.trim().split('\n').at(-1) ?? '';
  return reason === '' ? `the process ended with ${String(status)}` : reason;
}

/** A hash that identifies the addon's and the libtorch's files. */
function trialKey(path: string, { root, version }: Libtorch): string {
  const folder = libraryFolder(root);
  // Debian's library has a version in its name if its development files are missing.
  const libraries = filesOf(folder).filter((name) => name.startsWith('libtorch_cpu.so'));
  const parts = [path, ...libraries.sort().map((name) => join(folder, name))].map((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return `${file} ${found?.size ?? ''} ${found?.mtimeMs ?? ''}`;
  });
  return hashOf([[version, hostname(), ...parts].join('\n')], 16);
}

/** A flag of dlfcn.h that Node's constants lack: the library stays loaded, though Node closes a library that is no addon. */
const RTLD_NODELETE = 0x1000;

/** Loads a libtorch's libraries into this process; the system finds Debian's. Throws an Error with the loader's message. */
export function loadLibtorch({ root, cuda }: Pick<Libtorch, 'root' | 'cuda'>): void {
  if (root === DEBIAN) return;
  // Without NVIDIA's driver, CUDA's libraries would take 0.4 GB for nothing; the others do not need them.
  const leavesOutCuda = cuda !== null && loadLibrary('libcuda.so.1') !== undefined;
  const failure = loadLibrary(join(libraryFolder(root), leavesOutCuda ? 'libtorch_cpu.so' : 'libtorch.so'));
  if (failure !== undefined) throw new Error(failure);
}

/** Loads a library that is no addon, which Node reports once it has done so. Returns the loader's message if it does not load. */
function loadLibrary(path: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, path, constants.dlopen.RTLD_LAZY | RTLD_NODELETE);
  } catch (error) {
    const message = messageOf(error);
    return message.includes('did not self-register') ? undefined : message;
  }
  return undefined;
}

/** Bytes of addresses that libtorch reserves at first; with fewer the process hangs or crashes. */
const MIN_ADDRESSES = 2.5e9;

/** The reason that no addon loads on this machine; undefined if one may. */
export function platformProblem(): string | undefined {
  const { platform, arch } = process;
  const isSupported = platform === 'linux' && (arch === 'x64' || arch === 'arm64') && cLibrary() === 'glibc';
  if (!isSupported) {
    return `spurmem runs on Linux with glibc, on x64 and arm64. This is ${platform}-${arch}${platform === 'linux' ? ` with ${cLibrary()}` : ''}.`;
  }
  if (!existsSync('/proc/self/limits')) return undefined;
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const limit = Number(/^Max address space +(\d+)/m.exec(limits)?.[1] ?? Infinity);
  if (limit >= MIN_ADDRESSES) return undefined;
  const [have, need] = [limit, MIN_ADDRESSES].map((bytes) => (bytes / 1e9).toFixed(1));
  return `This process may have ${have} GB of addresses, and libtorch needs ${need} GB to begin with. Raise the limit (ulimit -v).`;
}

/**
 * The message about a libtorch without an addon that works.
 *
 * @param failed the package's prebuild for it, and the problem that trying it found
 */
export function notBuilt(libtorch: Libtorch, failed?: { path: string; problem: string }): string {
  const names = prebuildNames().map((name) => name.replace('libtorch-', ''));
  const what = describeLibtorch(libtorch);
  const problem =
    failed === undefined
      ? `There is no native addon for ${what} on ${process.arch}: the package brings ${names.length === 0 ? 'none' : `some for ${names.join(', ')}`}.`
      : `The package\u2019s native addon does not work with ${what}: ${failed.path}\n  Reason: ${failed.problem}`;
  const again = libtorch.source === 'spurmem build' ? `, naming ${libtorch.root} again` : '';
  return numbered(problem, [
    isCheckout
      ? 'In this checkout, run scripts/setup.sh, which builds it.'
      : `Compile it, which takes minutes: npx spurmem build${again} (needs cmake, make and g++; a reinstall keeps it).`,
    'Or install a PyTorch that the package has an addon for, and activate its Python.',
    'If it was built elsewhere, set SPURMEM_ADDON to the path of spurmem.node.',
  ]);
}

/**
 * The message about an addon that does not load.
 *
 * @param libtorch the one that was loaded for it
 * @param reason the system's message
 */
export function loadAdvice(path: string, libtorch: Libtorch, reason: string): string {
  const record = buildRecord(path);
  const lines = [
    `The native addon could not be loaded from ${path}.`,
    `  Reason: ${reason.split('\n', 1)[0] ?? ''}`,
    ...(record === undefined ? [] : [`  Built against ${describeLibtorch(record)}.`]),
  ];
  const advice = adviceFor(reason, record ?? libtorch);
  return numbered(lines.join('\n'), [...advice, '`spurmem doctor` shows what is found.']);
}

/** Distinguishes a missing library from one of another version or ABI, by the system's message. */
function adviceFor(reason: string, record: Libtorch): string[] {
  const { root, version } = record;
  const [, library] = /(lib[\w.+-]+): cannot open shared object file/.exec(reason) ?? [];
  if (library === undefined) {
    return reason.includes('undefined symbol')
      ? otherLibrary(record)
      : [`If it was built on another machine, ${REBUILD}.`];
  }
  if (/^lib(?:cu|nv|nccl)/.test(library)) {
    return [
      `${library} is one of CUDA\u2019s libraries, which pip installs with torch: pip uninstall torch, then pip install torch==${version}`,
    ];
  }
  if (!/torch|c10/.test(library)) {
    return [
      `${library} was not found: install the package that has it (on Debian: apt-file search ${library}).`,
    ];
  }
  return [
    root === DEBIAN
      ? `${library} was not found: install libtorch (on Debian 13: apt-get install libtorch2.6 libopenblas0-openmp).`
      : `${library} was ${existsSync(root) ? `not found in ${root}` : `in ${root}, which is no longer there`}: install that PyTorch again (${version}).`,
    `If PyTorch is installed in another version than the addon was built with, ${REBUILD}.`,
  ];
}

/** The advice for an addon that calls a function which the loaded libtorch does not have. */
function otherLibrary(record: Libtorch): string[] {
  const [had, has] = [record, readLibtorch(record.root) ?? record].map(
    ({ version, cxx11Abi }) => `libtorch ${version}${cxx11Abi ? '' : ' with the C++ ABI of GCC before 5'}`,
  );
  const { LD_LIBRARY_PATH: path = '' } = process.env;
  const first = `LD_LIBRARY_PATH is ${path}, which may bring another libtorch first: unset it, or name the right one first.`;
  return [
    ...(path === '' ? [] : [first]),
    had === has
      ? `The addon was built with another version of libtorch than the one that was loaded: ${REBUILD}.`
      : `${record.root} has ${has} now, and the addon was built with ${had}: ${REBUILD}.`,
  ];
}
