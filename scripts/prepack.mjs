// Before the package is packed: dist from these sources alone, and no prebuild of other native sources.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

rmSync('dist', { recursive: true, force: true });
execFileSync('npm', ['run', '--silent', 'build:package'], { stdio: 'inherit' });

const { stalePrebuilds } = await import('./stalePrebuilds.mjs');
for (const name of stalePrebuilds()) {
  console.error(`${join('prebuilds', name)} was built from other sources: remove it, or npm run prebuilds.`);
  process.exitCode = 1;
}
