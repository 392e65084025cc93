import { execFileSync } from 'node:child_process';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { vectorInstructions } from '#src/machine.js';
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
