import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** Returns the machine's bytes of memory, or the limit of this process's control group. */
export function allowedMemory(): number {
  // 0 or far more than the machine has: no limit.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Returns the widest vector instructions of the processor that libtorch has kernels for; its model name does not tell. */
export function vectorInstructions(): string {
  let flags: string;
  try {
    flags = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return 'unknown';
  }
  const known = [
    ['amx_bf16', 'AMX'],
    ['avx512_bf16', 'AVX512-BF16'],
    ['avx512f', 'AVX-512'],
    ['avx2', 'AVX2'],
  ] as const;
  return known.find(([flag]) => flags.includes(` ${flag}`))?.[1] ?? 'other';
}
