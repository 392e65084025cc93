#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';

const FEWEST_FILES = 256;
// Before there are none left to read it by.
const mostFiles = limitOnFiles();

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
function lacksFiles({ code, message }) {
  if (code === 'EMFILE' || code === 'ENFILE') return true;
  return (code === 'ERR_MODULE_NOT_FOUND' || /^Cannot find/.test(message)) && mostFiles < FEWEST_FILES;
}

function limitOnFiles() {
  try {
    return Number(
      /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity,
    );
  } catch {
    return Infinity;
  }
}
