// Before the package is packed: dist from these sources alone, and no prebuild of other native sources.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

rmSync('dist', { recursive: true, force: true });
execFileSync('npm', ['run', '--silent', 'build:package'], { stdio: 'inherit' });

const { PREBUILDS, nativeSources, prebuildNames } = await import('../dist/native/addonFiles.js');
for (const name of prebuildNames()) {
  const record = join(PREBUILDS, name, 'built.json');
  if (JSON.parse(readFileSync(record, 'utf8')).sources !== nativeSources()) {
    console.error(
      `${join('prebuilds', name)} was built from other sources: remove it, or npm run prebuilds.`,
    );
    process.exit(1);
  }
}
