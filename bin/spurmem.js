#!/usr/bin/env node
import { existsSync } from 'node:fs';

const FEWEST_FILES = 256;

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  try {
    const { run } = await import(main);
    await run(process.argv);
  } catch (error) {
    if (!lacksFiles(error)) throw error;
    console.error(`${error.message}. Raise the limit on open files: ulimit -n ${FEWEST_FILES}.`);
    process.exitCode = 1;
  }
} else {
  console.error('spurmem is not built. In a checkout, run scripts/setup.sh (or `npm run build`) first.');
  process.exitCode = 1;
}

/** Node opens many modules at once; below about 100 files it cannot load the command line, and may not find what it cannot open. */
function lacksFiles(error) {
  if (error?.code === 'EMFILE' || error?.code === 'ENFILE') return true;
  const isLost = error?.code === 'ERR_MODULE_NOT_FOUND' || /^Cannot find/.test(error?.message);
  // Asks the system without opening a file.
  return isLost && process.report.getReport().userLimits.open_files.soft < FEWEST_FILES;
}
