// Makes addons that the package brings: node scripts/prebuild.mjs [FOLDER...], the folders of libtorches (default: the one that is
// found). Each is for its minor version, this platform and C library; its needs of the system are printed. scripts/prebuilds.sh
// makes all of them.
//
//   --arm64    for 64-bit ARM, with Debian's cross compiler; the folders are of wheels for it
//   --clean    only removes those that were made from other sources
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cLibrary,
  nativeSources,
  prebuildName,
  PREBUILDS,
  stalePrebuilds,
} from '../dist/native/addonFiles.js';
import { compile } from '../dist/native/install.js';
import { compareVersions, findLibtorch } from '../dist/native/libtorch.js';

const words = process.argv.slice(2);
if (words.includes('--clean')) {
  for (const name of stalePrebuilds()) {
    console.error(`${join('prebuilds', name)} was built from other sources and is removed.`);
    rmSync(join(PREBUILDS, name), { recursive: true });
  }
  process.exit();
}
const isArm = words.includes('--arm64');
const folders = words.filter((word) => word !== '--arm64');
const tools = isArm
  ? { prefix: 'aarch64-linux-gnu-', platform: 'linux-arm64' }
  : { prefix: '', platform: `linux-${process.arch}` };

for (const named of folders.length === 0 ? [undefined] : folders) {
  const libtorch = findLibtorch(named, true);
  const folder = mkdtempSync(join(tmpdir(), 'spurmem-prebuild-'));
  try {
    await compile(folder, libtorch, {}, isArm ? { CXX: `${tools.prefix}g++` } : {});
    const version = join(PREBUILDS, prebuildName(libtorch));
    const addon = join(version, 'prebuilds', tools.platform, `spurmem.${cLibrary()}.node`);
    mkdirSync(join(addon, '..'), { recursive: true });
    copyFileSync(join(folder, 'Release', 'spurmem.node'), addon);
    execFileSync(`${tools.prefix}strip`, ['--strip-unneeded', addon]);
    const { version: torch, cxx11Abi } = libtorch;
    writeFileSync(
      join(version, 'built.json'),
      `${JSON.stringify({ torch, cxx11Abi, sources: nativeSources() }, null, 2)}\n`,
    );
    console.log(
      `${addon}: ${(statSync(addon).size / 1e6).toFixed(1)} MB, needs ${neededBy(addon).join(', ')}`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Its needed libraries, and the newest symbol versions that it needs of the system's. */
function neededBy(addon) {
  const read = (option) => execFileSync('readelf', ['--wide', option, addon], { encoding: 'utf8' });
  const libraries = [...read('--dynamic').matchAll(/NEEDED.*\[(.+)\]/g)].map(([, name]) => name);
  const versions = ['GLIBC', 'GLIBCXX', 'CXXABI'].flatMap((name) => {
    const all = [...read('--version-info').matchAll(new RegExp(`Name: (${name}_[\\d.]+)`, 'g'))].map(
      ([, found]) => found,
    );
    return all.sort(compareVersions).slice(-1);
  });
  return [...libraries, ...versions];
}
