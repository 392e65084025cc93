import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

/** Returns the machine's bytes of memory, or the limit of this process's control group. */
export function allowedMemory(): number {
  // 0 or far more than the machine has: no limit.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * Returns the widest vector instructions that libtorch has kernels for, the processor has, and oneDNN's variable does not forbid; the processor's
 * model name does not tell.
 */
export function vectorInstructions(): string {
  let flags: string;
  try {
    flags = readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return 'unknown';
  }
  const { ONEDNN_MAX_CPU_ISA, DNNL_MAX_CPU_ISA } = process.env;
  const limit = (ONEDNN_MAX_CPU_ISA ?? DNNL_MAX_CPU_ISA ?? '').toUpperCase();
  const isLimited = /^(?:AVX|SSE)/.test(limit);
  // With the limits that allow each.
  const known = [
    ['amx_bf16', 'AMX', /AMX/],
    ['avx512_bf16', 'AVX512-BF16', /AMX|BF16|FP16|AVX10/],
    ['avx512f', 'AVX-512', /AVX512|AVX10/],
    ['avx2', 'AVX2', /AVX(?:2|512|10)/],
  ] as const;
  const widest = known.find(
    ([flag, , allowing]) => flags.includes(` ${flag}`) && (!isLimited || allowing.test(limit)),
  );
  return widest?.[1] ?? 'other';
}
