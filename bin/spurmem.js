#!/usr/bin/env node
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  try {
    const { run } = await import(main);
    await run(process.argv);
  } catch (error) {
    // Node opens many modules at once; below about 100 files it cannot load the command line.
    if (error?.code !== 'EMFILE' && error?.code !== 'ENFILE') throw error;
    console.error(`${error.message}. Raise the limit on open files: ulimit -n 256.`);
    process.exitCode = 1;
  }
} else {
  console.error('spurmem is not built. In a checkout, run scripts/setup.sh (or `npm run build`) first.');
  process.exitCode = 1;
}
