// Makes addons that the package brings: node scripts/prebuild.mjs [FOLDER...], the folders of libtorches (default: the one that is
// found). Each is for its minor version, this platform and C library; it may need no newer system than that libtorch
// (scripts/symbols.mjs). scripts/prebuilds.sh makes all of them.
//
//   --arm64    for 64-bit ARM, with Debian's cross compiler; the folders are of wheels for it
//   --clean    only removes those that were made from other sources
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
import { findLibtorch, libraryFolder } from '../dist/native/libtorch.js';
import { needsOf, requireOld } from './symbols.mjs';

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
    const made = join(folder, 'Release', 'spurmem.node');
    execFileSync(`${tools.prefix}strip`, ['--strip-unneeded', made]);
    // Debian's libtorch needs Debian's libraries, and pip's older ones.
    requireOld(made, needsOf(join(libraryFolder(libtorch.root), 'libtorch_cpu.so')));
    const version = join(PREBUILDS, prebuildName(libtorch));
    const addon = join(version, 'prebuilds', tools.platform, `spurmem.${cLibrary()}.node`);
    mkdirSync(join(addon, '..'), { recursive: true });
    copyFileSync(made, addon);
    const { version: torch, cxx11Abi } = libtorch;
    writeFileSync(
      join(version, 'built.json'),
      `${JSON.stringify({ torch, cxx11Abi, sources: nativeSources() }, null, 2)}\n`,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
