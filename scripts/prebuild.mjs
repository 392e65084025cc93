// Makes the addon that the package brings for this platform, C library and libtorch: npm run prebuilds, once for each.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PREBUILDS, cLibrary, libtorchName, nativeSources } from '../dist/native/addonFiles.js';
import { libtorchNow } from '../dist/native/buildRecord.js';
import { compile } from '../dist/native/buildAddon.js';

const libtorch = libtorchNow();
if (libtorch.root !== '/usr') {
  // Elsewhere the addon would name this machine's folder, and the names of a wheel's libraries tell no version.
  console.error(
    `A prebuild names its libtorch by a version that the system finds, such as Debian's; ${libtorch.root} has none.`,
  );
  process.exit(1);
}
const folder = mkdtempSync(join(tmpdir(), 'spurmem-prebuild-'));
try {
  await compile(folder, libtorch);
  const version = join(PREBUILDS, libtorchName(libtorch), 'prebuilds');
  const platform = join(version, `${process.platform}-${process.arch}`);
  const addon = join(platform, `spurmem.${cLibrary()}.node`);
  mkdirSync(platform, { recursive: true });
  copyFileSync(join(folder, 'Release', 'spurmem.node'), addon);
  execFileSync('strip', ['--strip-unneeded', addon]);
  const record = { ...libtorch, sources: nativeSources() };
  writeFileSync(join(version, 'libtorch.json'), `${JSON.stringify(record, null, 2)}\n`);
  console.log(addon);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
