import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '#src/versions.js';

/** What the ratios came from. */
export function describeMachine(pytorch: string | undefined): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    vectors: vectorInstructions(),
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    spurmem: packageVersion(),
    commit: commitOfCheckout(),
    ...(pytorch === undefined ? {} : { pytorch }),
  };
}

/** The widest vector instructions that the processor has, of those that libtorch has kernels for; models' names do not tell. */
function vectorInstructions(): string {
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

/** The commit of the sources, with a plus where tracked files differ from it. */
function commitOfCheckout(): string {
  const git = (...words: string[]) =>
    execFileSync('git', words, {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return git('rev-parse', '--short=7', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : '+');
  } catch {
    return 'unknown';
  }
}
