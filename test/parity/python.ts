import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Threads of both sides: sums over threads must be split in the same way. */
export const THREADS = Math.min(availableParallelism(), 2);

/** Runs a script of scripts/reference with Debian's PyTorch; gives what it printed. */
export function reference(script: string, args: readonly (string | number)[], stdin = ''): string {
  const python = process.env.SPURMEM_PYTHON ?? '/usr/bin/python3';
  const path = fileURLToPath(new URL(`../../scripts/reference/${script}.py`, import.meta.url));
  return execFileSync(python, [path, ...args.map(String)], {
    input: stdin,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, OMP_NUM_THREADS: String(THREADS) },
  });
}
