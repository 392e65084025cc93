// The libtorch of a folder.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A libtorch, and of an addon the one that it was built against. */
export interface Libtorch {
  /** The folder that holds its include/ and lib/: that of a libtorch zip, a wheel's torch folder, or `/usr` for Debian's packages. */
  readonly root: string;
  /** The place where it was found. */
  readonly source: string;
  /** Such as `2.15.0`. */
  readonly version: string;
  /** Whether its strings and lists are those of GCC 5 and later, which pip's wheels have from 2.7 on. */
  readonly cxx11Abi: boolean;
  /** The CUDA that it is built for, such as `13.2`; null for one without. */
  readonly cuda: string | null;
  /** The Python whose torch it is; null for a libtorch zip. */
  readonly python: string | null;
}

export type LibtorchContent = Pick<Libtorch, 'version' | 'cxx11Abi' | 'cuda'>;

/** The versions that this package was built and tested with: the oldest and the newest minor. */
export const OLDEST_LIBTORCH = '2.6';
export const NEWEST_LIBTORCH = '2.15';

/** The root of Debian's libtorch. */
export const DEBIAN = '/usr';

/** `libtorch 2.15.0 with CUDA 13.2 in FOLDER (torch of the active Python)` */
export function describeLibtorch(libtorch: Libtorch): string {
  return `libtorch ${versionAndFolder(libtorch)} (${libtorch.source})`;
}

/** `2.15.0 with CUDA 13.2 in FOLDER` */
export function versionAndFolder({ version, cuda, root }: Libtorch): string {
  return `${version}${cuda === null ? '' : ` with CUDA ${cuda}`} in ${root}`;
}

/** The libtorch of a folder; undefined where it is none. */
export function readLibtorch(root: string): LibtorchContent | undefined {
  const libraries = libraryFolder(root);
  if (root === DEBIAN) {
    const name = filesOf(libraries).find((file) => /^libtorch_cpu\.so\.\d+\.\d+$/.test(file));
    if (name === undefined) return undefined;
    const version = headerVersion(root) ?? name.replace('libtorch_cpu.so.', '');
    return { version, cxx11Abi: true, cuda: null };
  }
  if (!existsSync(join(libraries, 'libtorch_cpu.so'))) return undefined;
  const python = textOf(join(root, 'version.py'));
  // A libtorch zip's has the version alone.
  const build = /__version__ = '([^']+)'/.exec(python)?.[1] ?? textOf(join(root, 'build-version')).trim();
  const version = /^\d+\.\d+\.\d+/.exec(build)?.[0] ?? headerVersion(root);
  if (version === undefined) return undefined;
  return { version, cxx11Abi: hasCxx11Abi(libraries), cuda: cudaOf(libraries, python, build) };
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

/** Negative where the first version is the older one. */
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

function cudaOf(libraries: string, python: string, build: string): string | null {
  if (!existsSync(join(libraries, 'libtorch_cuda.so'))) return null;
  const told = /^cuda\b.*= '([\d.]+)'/m.exec(python)?.[1];
  const [, major, minor] = /\+cu(\d\d)(\d)/.exec(build) ?? [];
  return told ?? (major !== undefined && minor !== undefined ? `${major}.${minor}` : 'of an unknown version');
}

/** By the name of a function that takes a string. */
function hasCxx11Abi(libraries: string): boolean {
  try {
    const names = readFileSync(join(libraries, 'libc10.so'), 'latin1');
    return /_ZN3c105ErrorC[12]E\w*__cxx11/.test(names);
  } catch {
    return true;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The names in a folder; none where it cannot be read. */
export function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
