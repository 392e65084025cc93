// Where an addon may lie: where a checkout's builds put it, where `spurmem build` does, and where the package brings it.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type nodeGypBuildModule from 'node-gyp-build';
import { userCache } from '../userCache.js';
import { compareVersions, DEBIAN, filesOf, type Libtorch, minorOf } from './libtorch.js';

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

/** The addon that was built in this checkout. */
export function checkoutAddon(): string | undefined {
  return CHECKOUT_BUILDS.find((path) => existsSync(path));
}

/** The addon that `spurmem build` compiled against this libtorch. */
export function compiledAddon(libtorch: Libtorch): string | undefined {
  const path = join(cachedBuild(libtorch), ADDON_IN_BUILD);
  return existsSync(path) ? path : undefined;
}

/** The package's addon for this platform, C library and minor version of libtorch. */
export function prebuiltAddon(libtorch: Libtorch): string | undefined {
  const nodeGypBuild = createRequire(import.meta.url)('node-gyp-build') as typeof nodeGypBuildModule;
  try {
    return nodeGypBuild.path(join(PREBUILDS, prebuildName(libtorch)));
  } catch {
    return undefined;
  }
}

/**
 * The name of the prebuild for a libtorch: one serves all patches of a minor version, with CUDA and without. The libraries of
 * Debian's have other names than a wheel's.
 */
export function prebuildName({
  version,
  cxx11Abi,
  root,
}: Pick<Libtorch, 'version' | 'cxx11Abi' | 'root'>): string {
  return `libtorch-${minorOf(version)}${cxx11Abi ? '' : '-pre-cxx11'}${root === DEBIAN ? '-debian' : ''}`;
}

/** The names of the package's prebuilds, such as `libtorch-2.15`, the newest first. */
export function prebuildNames(): string[] {
  return filesOf(PREBUILDS)
    .filter((name) => name.startsWith('libtorch-'))
    .sort((a, b) => compareVersions(b, a));
}

/**
 * Where `spurmem build` keeps what it builds against a libtorch: in the user's cache, below the package's version, its native
 * sources, the platform and the C library. A reinstall changes none of them, and Node's version does not matter to an addon of
 * Node-API.
 */
export function cachedBuild({ version, root }: Libtorch): string {
  return join(cacheFolder(), `libtorch-${version}-${hashOf([root])}`);
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
