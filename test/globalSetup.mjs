import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('parity/server.py', import.meta.url));
const ADDON =
  process.env.SPURMEM_ADDON ?? fileURLToPath(new URL('../build-cmake/Release/spurmem.node', import.meta.url));
const RECORD = join(ADDON, '..', '..', 'libtorch.json');

/**
 * Makes what all test files of a run of jest share: a folder for `fixtures.ts`, and a Python that imports PyTorch once for
 * all parity tests, when the first asks for it (`parity/python.ts`).
 */
export default async function setUp() {
  // Test files run side by side, and OpenBLAS's threads wait for one another by spinning: two files with a team of two on
  // two cores take ten times as long as with one thread each. Tests of teams say so themselves.
  process.env.OMP_NUM_THREADS = '1';
  // As src/native/addon.ts sets them; a test file's own process.env is a copy, which no library sees.
  process.env.UCX_MEM_EVENTS = 'n';
  process.env.UCX_MEM_MMAP_HOOK_MODE = 'none';
  process.env.UCX_DEBUG_SIGNO = '0';
  process.env.UCX_HANDLE_ERRORS = 'none';
  const shared = mkdtempSync(join(tmpdir(), 'spurmem-test-shared-'));
  process.env.SPURMEM_TEST_SHARED = shared;
  // The one whose libtorch the addon was built against.
  const python = (process.env.SPURMEM_PYTHON ??=
    JSON.parse(readFileSync(RECORD, 'utf8')).python ?? 'python3');
  // It ends when its stdin is closed, however this process ends.
  const server = spawn(python, [SERVER, 'serve', join(shared, 'python')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => {
    server.stdout.once('data', resolve);
    server.once('exit', resolve);
    // Where there is no Python, the tests that ask for it say so.
    server.on('error', resolve);
  });
  for (const handle of [server, server.stdin, server.stdout]) handle.unref();
  globalThis.pythonServer = server;
}
