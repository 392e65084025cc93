// The places of an addon: of a checkout's builds, of `spurmem build`, and of the package; and the record beside a build.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
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

/** Whether the package is a checkout, and not an installed one. */
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
 * The libtorch that the addon of that path was built against, by the record beside its folder; none for an addon that was moved. The
 * addon is loaded without zod, which takes as long as all else that is imported.
 */
export function buildRecord(path: string): Libtorch | undefined {
  try {
    const record = JSON.parse(readFileSync(join(dirname(path), '..', 'libtorch.json'), 'utf8')) as Libtorch;
    const isRecord =
      [record.root, record.source, record.version].every((text) => typeof text === 'string') &&
      [record.cuda, record.python].every((text) => text === null || typeof text === 'string') &&
      typeof record.cxx11Abi === 'boolean';
    return isRecord ? record : undefined;
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

/**
 * The folder of what `spurmem build` builds against a libtorch: in the user's cache, by the package's version, its native sources, the
 * platform and the C library, which a reinstall does not change. Node's version does not matter to an addon of Node-API.
 */
export function cachedBuild({ version, root }: Libtorch): string {
  const text = readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  const sources = `${(JSON.parse(text) as { version: string }).version}-${nativeSources()}`;
  const platform = `${process.platform}-${process.arch}-${cLibrary()}`;
  return join(userCache(), 'addons', sources, platform, `libtorch-${version}-${hashOf([root])}`);
}

/** Tells these native sources from those of another commit. */
export function nativeSources(): string {
  const native = join(PACKAGE_ROOT, 'native');
  const files = (readdirSync(native, { recursive: true }) as string[])
    .filter((name) => /\.(?:cpp|h)$/.test(name))
    .sort()
    .map((name) => join(native, name));
  return hashOf([join(PACKAGE_ROOT, 'CMakeLists.txt'), ...files].map((path) => readFileSync(path)));
}

/** As node-gyp-build finds it. */
export function cLibrary(): 'glibc' | 'musl' {
  return existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
}

function hashOf(parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex').slice(0, 8);
}
