// Where an addon may lie: where a checkout's builds put it, where `spurmem build` does, and where the package brings it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type nodeGypBuildModule from 'node-gyp-build';
import { userCache } from '../userCache.js';
import type { BuildRecord } from './buildRecord.js';

export const PACKAGE_ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The addon within the folder of a build, as cmake-js lays it out. */
export const ADDON_IN_BUILD = join('Release', 'spurmem.node');

/** A checkout's builds: cmake-js's, then node-gyp's. */
const CHECKOUT_BUILDS = ['build-cmake', 'build'].map((folder) => join(PACKAGE_ROOT, folder, ADDON_IN_BUILD));

/** Each libtorch's folder has the layout that node-gyp-build reads: prebuilds/<platform>-<arch>/spurmem.<C library>.node. */
export const PREBUILDS = join(PACKAGE_ROOT, 'prebuilds');

/** Whether the package is a checkout, which has what builds it, or an installed one. */
export function isCheckout(): boolean {
  return existsSync(join(PACKAGE_ROOT, 'scripts', 'setup.sh'));
}

/** The addon that was built on this machine: in the checkout, or by `spurmem build`. */
export function builtAddon(): string | undefined {
  return CHECKOUT_BUILDS.find((path) => existsSync(path)) ?? cachedAddon();
}

/** The package's addons for this platform and C library, one a libtorch, the newest first: which one loads, the loader tells. */
export function prebuiltAddons(): string[] {
  const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as typeof nodeGypBuildModule;
  return prebuiltVersions().flatMap((version) => {
    try {
      return [nodeGypBuild.path(join(PREBUILDS, version))];
    } catch {
      return [];
    }
  });
}

/** The folders of the package's prebuilds, such as `libtorch-2.6.0`, the newest first. */
export function prebuiltVersions(): string[] {
  return filesOf(PREBUILDS)
    .filter((name) => name.startsWith('libtorch-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

/**
 * Where `spurmem build` keeps what it builds against a libtorch: in the user's cache, below the package's version, its native
 * sources, the platform and the C library. A reinstall changes none of them, and Node's version does not matter to an addon of
 * Node-API.
 */
export function cachedBuild(libtorch: BuildRecord): string {
  return join(cacheFolder(), `${libtorchName(libtorch)}-${hashOf([libtorch.root])}`);
}

/** The name of a folder for addons of a libtorch. */
export function libtorchName({ version, cxx11Abi, cuda }: BuildRecord): string {
  return `libtorch-${version}${cxx11Abi ? '' : '-pre-cxx11'}${cuda ? '-cuda' : ''}`;
}

/** The one that `spurmem build` was last asked for. */
function cachedAddon(): string | undefined {
  const folder = cacheFolder();
  const addons = filesOf(folder)
    .map((name) => join(folder, name, ADDON_IN_BUILD))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, time: statSync(path).mtimeMs }));
  return addons.sort((a, b) => b.time - a.time)[0]?.path;
}

function cacheFolder(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  const platform = `${process.platform}-${process.arch}-${cLibrary()}`;
  return join(userCache(), 'addons', `${version}-${nativeSources()}`, platform);
}

/** Tells these native sources from others, such as those of another commit of the same version. */
export function nativeSources(): string {
  const native = join(PACKAGE_ROOT, 'native');
  const files = (readdirSync(native, { recursive: true }) as string[])
    .filter((name) => /\.(?:cpp|h)$/.test(name))
    .sort()
    .map((name) => join(native, name));
  return hashOf([join(PACKAGE_ROOT, 'CMakeLists.txt'), ...files].map((path) => readFileSync(path)));
}

/** As node-gyp-build tells it. */
export function cLibrary(): 'glibc' | 'musl' {
  return existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
}

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 8);
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
