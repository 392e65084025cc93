import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { SpurmemError } from '#src/errors.js';
import type { BenchCase } from './case.js';
import { WORKER } from './side.js';

/**
 * Returns a case whose rival is an earlier checkout of ours instead of PyTorch. Machine load and warm caches then affect both sides alike,
 * which they do not with a Python process.
 *
 * @param folder the checkout, built
 * @throws `USAGE` where it has no built benchmark
 */
export function againstEarlier(benchCase: BenchCase, folder: string): BenchCase {
  const checkout = resolve(folder);
  const worker = join(checkout, WORKER);
  if (!existsSync(worker)) {
    throw new SpurmemError(
      'USAGE',
      `--against: ${folder} is no built checkout of spurmem: there is no ${worker}. Build it with scripts/setup.sh there.`,
    );
  }
  const { target: _target, ...others } = benchCase;
  return {
    ...others,
    needsPytorch: false,
    prepare: async (place) => {
      const { ours } = await benchCase.prepare(place);
      return { ours, rival: { ...ours, label: `spurmem in ${basename(checkout)}`, checkout } };
    },
  };
}
