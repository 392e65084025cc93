import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('server.py', import.meta.url));

/** jest's globalSetup: the Python that imports PyTorch once for all parity tests. It imports nothing before it is asked. */
export default function start() {
  const socket = join(mkdtempSync(join(tmpdir(), 'spurmem-python-')), 'socket');
  process.env.SPURMEM_TEST_PYTHON_SOCKET = socket;
  // Threads of both sides: sums over threads must be split in the same way.
  const threads = Math.min(availableParallelism(), 2);
  const python = process.env.SPURMEM_PYTHON ?? '/usr/bin/python3';
  // It ends when its stdin is closed, however this process ends.
  const server = spawn(python, [SERVER, 'serve', socket], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads) },
  });
  // Whoever asks it says that there is none.
  server.on('error', () => undefined);
  server.unref();
  server.stdin.unref();
  globalThis.stopPythonServer = () => {
    server.stdin.end();
    rmSync(dirname(socket), { recursive: true, force: true });
  };
}
