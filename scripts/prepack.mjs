// Before the package is packed: dist from these sources alone, no prebuild of other native sources, and a package.json without
// `prepare`, which npm regards as an install script. Git dependencies need it.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KEPT } from './postpack.mjs';

rmSync('dist', { recursive: true, force: true });
execFileSync('npm', ['run', '--silent', 'build:package'], { stdio: 'inherit' });

const { prebuildNames, stalePrebuilds } = await import('../dist/native/addonFiles.js');
if (prebuildNames().length === 0)
  console.error('The package has no addon: npm run prebuilds makes them. Its users run npx spurmem build.');
for (const name of stalePrebuilds()) {
  console.error(`${join('prebuilds', name)} was built from other sources: remove it, or npm run prebuilds.`);
  process.exitCode = 1;
}

if (process.exitCode !== 1) {
  // An existing copy was left by an interrupted pack.
  if (existsSync(KEPT)) copyFileSync(KEPT, 'package.json');
  copyFileSync('package.json', KEPT);
  const described = JSON.parse(readFileSync('package.json', 'utf8'));
  delete described.scripts.prepare;
  writeFileSync('package.json', `${JSON.stringify(described, null, 2)}\n`);
}
