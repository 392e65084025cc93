import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { vectorInstructions } from '#src/machine.js';
import { native } from '#src/native/addon.js';
import { packageVersion } from '#src/versions.js';

/** The machine and versions of the ratios. */
export function describeMachine(
  pytorch: string | undefined,
  device: string,
): Record<string, string | number> {
  const gpu = native().deviceMemory(device);
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    vectors: vectorInstructions(),
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    ...(gpu === null ? {} : { gpu: gpu.name, gpuMemoryGiB: Number((gpu.total / 2 ** 30).toFixed(1)) }),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    spurmem: packageVersion(),
    commit: commitOfCheckout(),
    libtorch: native().torchVersion,
    ...(pytorch === undefined ? {} : { pytorch }),
  };
}

/** The commit of the sources, with a plus if tracked files differ from it. */
function commitOfCheckout(): string {
  // For a copy without a history.
  if (process.env.SPURMEM_COMMIT !== undefined) return process.env.SPURMEM_COMMIT;
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
