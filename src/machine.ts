import { readFileSync } from 'node:fs';

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
