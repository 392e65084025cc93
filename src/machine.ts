import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** Bytes of memory that the machine has, or that this process's control group may take. */
export function allowedMemory(): number {
  // 0, or far more than there is, where nothing limits it.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** The widest vector instructions that the processor has, of those that libtorch has kernels for; models' names do not tell. */
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
