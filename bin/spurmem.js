#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main);
  await run(process.argv);
} else {
  console.error('spurmem is not built. In a checkout, run scripts/setup.sh (or `npm run build`) first.');
  process.exitCode = 1;
}
