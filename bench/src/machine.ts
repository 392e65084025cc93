import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { packageVersion } from '#src/versions.js';

/** What the ratios came from. */
export function describeMachine(pytorch: string | undefined): Record<string, string | number> {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    system: `${process.platform} ${release()}`,
    node: process.versions.node,
    spurmem: packageVersion(),
    ...(pytorch === undefined ? {} : { pytorch }),
  };
}
