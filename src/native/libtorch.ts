// Finds the libtorch that this package computes with: the first of a list of places that has one.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { SpurmemError } from '../errors.js';
import { makeFolder, writeAtomic } from '../files.js';
import { userCache } from '../userCache.js';

interface LibtorchContent {
  /** Such as `2.15.0`. */
  readonly version: string;
  /** Whether its strings and lists are those of GCC 5 and later, which pip's wheels have from 2.7 on. */
  readonly cxx11Abi: boolean;
  /** The CUDA that it is built for, such as `13.2`; null for one without. */
  readonly cuda: string | null;
}

/** A libtorch that was found here, or that an addon was built against. */
export interface Libtorch extends LibtorchContent {
  /** The folder that holds include/ and lib/: a libtorch zip's, a wheel's torch folder, or `/usr` for Debian's packages. */
  readonly root: string;
  /** The name of the place where it was found. */
  readonly source: string;
  /** The Python whose torch it is; null for a libtorch zip. */
  readonly python: string | null;
}

/** The minor versions that this package was tested with, and the version that it installs if there is none. */
const OLDEST_LIBTORCH = '2.6';
const NEWEST_LIBTORCH = '2.15';
export const PINNED_TORCH = '2.15.0';

/** The root of Debian's libtorch. */
export const DEBIAN = '/usr';
const DEBIAN_PYTHON = '/usr/bin/python3';

/** `libtorch 2.15.0 with CUDA 13.2 in FOLDER (torch of the active Python)` */
export function describeLibtorch(libtorch: Libtorch): string {
  return `libtorch ${versionAndFolder(libtorch)} (${libtorch.source})`;
}

function versionAndFolder({ version, cuda, root }: Libtorch): string {
  return `${version}${cuda === null ? '' : ` with CUDA ${cuda}`} in ${root}`;
}

/** A problem with numbered advice. */
export function numbered(problem: string, advice: readonly string[]): string {
  return [problem, ...advice.map((line, index) => `  ${index + 1}. ${line}`)].join('\n');
}

function unusable(problem: string, ...advice: readonly string[]): SpurmemError {
  return new SpurmemError('LIBTORCH_UNUSABLE', numbered(problem, advice));
}

/** The libtorch of a folder; undefined if there is none. */
export function readLibtorch(root: string): LibtorchContent | undefined {
  const libraries = libraryFolder(root);
  const files = filesOf(libraries);
  if (root === DEBIAN) {
    const name = files.find((file) => /^libtorch_cpu\.so\.\d+\.\d+$/.test(file));
    const version = name && (headerVersion(root) ?? name.replace('libtorch_cpu.so.', ''));
    return version === undefined ? undefined : { version, cxx11Abi: true, cuda: null };
  }
  const python = textOf(join(root, 'version.py'));
  // A libtorch zip's has the version alone.
  const build = /__version__ = '([^']+)'/.exec(python)?.[1] ?? textOf(join(root, 'build-version')).trim();
  const version = /^\d+\.\d+\.\d+/.exec(build)?.[0] ?? headerVersion(root);
  if (version === undefined || !files.includes('libtorch_cpu.so')) return undefined;
  // By the name of a function that takes a string.
  const names = textOf(join(libraries, 'libc10.so'), 'latin1');
  const cxx11Abi = names === '' || /_ZN3c105ErrorC[12]E\w*__cxx11/.test(names);
  const told =
    /^cuda\b.*= '([\d.]+)'/m.exec(python)?.[1] ?? /\+cu(\d+)/.exec(build)?.[1]?.replace(/\d$/, '.$&');
  const cuda = files.includes('libtorch_cuda.so') ? (told ?? 'of an unknown version') : null;
  return { version, cxx11Abi, cuda };
}

/** Whether a C++ program can be compiled against it. */
export function hasHeaders(root: string): boolean {
  return existsSync(join(root, 'include', 'ATen', 'ATen.h'));
}

export function libraryFolder(root: string): string {
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return join(root, 'lib', root === DEBIAN ? triplet : '');
}

/** `2.15` of `2.15.0`. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** Negative if the first version is older. */
export function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The version in the headers, whose file has moved between versions. */
function headerVersion(root: string): string | undefined {
  const headers = ['torch/headeronly', 'torch/csrc/api/include/torch', 'torch']
    .map((folder) => textOf(join(root, 'include', folder, 'version.h')))
    .join('\n');
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(headers)?.[1],
  );
  return numbers.includes(undefined) ? undefined : numbers.join('.');
}

/** A file's text; empty if it cannot be read. */
function textOf(path: string, encoding: BufferEncoding = 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch {
    return '';
  }
}

/** The names in a folder; none if it cannot be read. */
export function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** A place where a libtorch may lie; `says` describes the libtorch, or says why there is none. */
export interface Place {
  readonly name: string;
  readonly found: Libtorch | undefined;
  readonly says: string;
}

function placeOf(name: string, found: Libtorch | undefined, otherwise: string): Place {
  return { name, found, says: found === undefined ? otherwise : versionAndFolder(found) };
}

/** The file that keeps the option `libtorch` of the last `spurmem build`. */
const chosenFile = (): string => join(userCache(), 'libtorch');

/** This package's own virtual environment, which all checkouts and installations share. */
export function ownEnvironment(): string {
  return join(userCache(), `torch-${PINNED_TORCH}`);
}

/** The list of packages that pip installed into an environment; its presence marks the environment as complete. */
export const ENVIRONMENT_RECORD = 'spurmem.json';

/** The arguments by which pip installs a package alone. */
export const ALONE = '--no-deps';

/** Whether the package's own environment lacks the libraries that GPUs and Python's torch take. */
export function isForCpuAlone(): boolean {
  return textOf(join(ownEnvironment(), ENVIRONMENT_RECORD)).includes(ALONE);
}

/** Whether this machine has an NVIDIA driver; on Windows' Linux, its window to one. */
export function hasNvidiaDriver(): boolean {
  return ['/dev/nvidiactl', '/proc/driver/nvidia/version', '/dev/dxg'].some((path) => existsSync(path));
}

export function pythonOf(environment: string): string {
  return join(environment, 'bin', 'python');
}

/**
 * The first libtorch in the order of `places`; undefined if there is none.
 *
 * @param named a folder, in place of the places; default: LIBTORCH's
 * @param forBuild whether to skip those without headers, such as Debian's without libtorch-dev
 * @throws SpurmemError `LIBTORCH_UNUSABLE` if the first one is too old, or a folder that was named holds none
 */
export function firstLibtorch(named = process.env.LIBTORCH, forBuild = false): Libtorch | undefined {
  for (const { found } of places(named)) {
    if (found === undefined || (forBuild && !hasHeaders(found.root))) continue;
    const { version, root, source } = found;
    if (compareVersions(minorOf(version), OLDEST_LIBTORCH) >= 0) return found;
    throw unusable(
      `PyTorch ${version} in ${root} (${source}) is too old: ${OLDEST_LIBTORCH} or newer is needed.`,
      'Install a newer one there: pip install -U torch',
      'Or name another libtorch in LIBTORCH.',
    );
  }
  return undefined;
}

/** As `firstLibtorch`; throws `LIBTORCH_UNUSABLE` if there is none, too. */
export function findLibtorch(named = process.env.LIBTORCH, forBuild = false): Libtorch {
  const found = firstLibtorch(named, forBuild);
  if (found !== undefined) return found;
  throw unusable(
    'No PyTorch was found here, whose libtorch computes: LIBTORCH is not set, the active Python has no torch, and Debian\u2019s libtorch is not installed.',
    'Install it into the Python that is active: pip install torch',
    `Or let npx spurmem build install torch ${PINNED_TORCH} into an environment of its own (0.6 GB to download, 3 GB for a GPU).`,
    'Or name a folder in LIBTORCH: that of a libtorch zip, or a wheel\u2019s torch folder.',
    'On Debian 13: apt-get install libtorch2.6 libopenblas0-openmp',
  );
}

/** The places where a libtorch may lie, in the order of preference; each is examined when it is reached. */
export function* places(named = process.env.LIBTORCH): Generator<Place> {
  if (named !== undefined && named !== '') {
    yield placeOf('LIBTORCH', namedLibtorch(named, 'LIBTORCH'), '');
    return;
  }
  const chosen = textOf(chosenFile()).trim();
  yield chosen === ''
    ? placeOf('LIBTORCH', undefined, 'not set')
    : placeOf('the folder that was built against last', namedLibtorch(chosen, 'spurmem build'), '');
  yield activePython();
  const name = 'Debian\u2019s libtorch';
  yield placeOf(name, libtorchIn(DEBIAN, name, DEBIAN_PYTHON), 'not installed');
  yield ownPlace();
}

function libtorchIn(root: string, source: string, python: string | null): Libtorch | undefined {
  const content = readLibtorch(root);
  return content && { root, source, ...content, python };
}

/** Prefers a folder from now on, also without LIBTORCH; or none. Throws `LIBTORCH_UNUSABLE` if it holds no libtorch. */
export async function chooseLibtorch(root: string | undefined): Promise<void> {
  if (root === undefined) return rm(chosenFile(), { force: true });
  const { root: folder } = namedLibtorch(root, 'spurmem build');
  await makeFolder(userCache());
  await writeAtomic(chosenFile(), folder);
}

/** The libtorch of a folder that LIBTORCH or `spurmem build` names. Throws `LIBTORCH_UNUSABLE` if there is none. */
function namedLibtorch(named: string, source: 'LIBTORCH' | 'spurmem build'): Libtorch {
  const root = resolve(named);
  // A wheel's: <environment>/lib/python3.N/site-packages/torch.
  const python = pythonOf(resolve(root, '..', '..', '..', '..'));
  const isWheel = existsSync(join(root, '__init__.py')) && existsSync(python);
  const found = libtorchIn(root, source, root === DEBIAN ? DEBIAN_PYTHON : isWheel ? python : null);
  if (found !== undefined) return found;
  throw unusable(
    `${source} names ${named}, which is no libtorch: it has no lib/libtorch_cpu.so, or no version.`,
    'Name the folder that holds include/ and lib/: that of a libtorch zip, or the torch folder of a wheel (python3 -c "import torch; print(torch.__path__[0])").',
    'Or unset LIBTORCH and run npx spurmem build without a folder: the torch of the active Python is taken.',
  );
}

/** Prints a Python and the folder of its torch; ignores a folder named torch in the working directory. */
const WHERE_TORCH_IS = `
import sys
sys.path = [path for path in sys.path if path]
import importlib.util
spec = importlib.util.find_spec("torch")
print(sys.executable)
print(spec.submodule_search_locations[0] if spec and spec.submodule_search_locations else "")`;

/** The torch of the active Python: a venv's, conda's, pyenv's or the system's. */
function activePython(): Place {
  const name = 'torch of the active Python';
  for (const program of ['python3', 'python']) {
    const { status, stdout } = spawnSync(program, ['-c', WHERE_TORCH_IS], {
      encoding: 'utf8',
      env: process.env,
    });
    if (status !== 0) continue;
    const [python = '', root = ''] = stdout.split('\n');
    if (root === '') return placeOf(name, undefined, `${python} has no torch`);
    // Debian's python3-torch uses Debian's libtorch, which is another place in the list.
    return placeOf(name, libtorchIn(root, name, python), `${root} brings no libtorch`);
  }
  return placeOf(name, undefined, 'no python3');
}

/** The folder of the packages of this package's own environment. */
export function sitePackages(): string {
  const libraries = join(ownEnvironment(), 'lib');
  const [python = ''] = filesOf(libraries).filter((folder) => folder.startsWith('python3'));
  return join(libraries, python, 'site-packages');
}

/** The libtorch of this package's own environment. */
export function ownPlace(): Place {
  const name = 'spurmem\u2019s own environment';
  const environment = ownEnvironment();
  if (!existsSync(environment)) return placeOf(name, undefined, `${environment} is not set up`);
  const root = join(sitePackages(), 'torch');
  const isWhole = existsSync(join(environment, ENVIRONMENT_RECORD));
  if (isWhole && isForCpuAlone() && hasNvidiaDriver()) {
    return placeOf(
      name,
      undefined,
      `${environment} lacks the libraries for this machine\u2019s GPU: npx spurmem build`,
    );
  }
  const found = isWhole ? libtorchIn(root, name, pythonOf(environment)) : undefined;
  return placeOf(name, found, `${environment} is not complete: npx spurmem build`);
}

/** The warning about a libtorch that is newer than all that were tested; undefined for others. */
export function newerThanTested({ version }: Pick<Libtorch, 'version'>): string | undefined {
  if (compareVersions(minorOf(version), NEWEST_LIBTORCH) <= 0) return undefined;
  return `PyTorch ${version} is newer than ${NEWEST_LIBTORCH}, the newest that spurmem was tested with.`;
}
