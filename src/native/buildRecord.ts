import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { SpurmemError } from '../errors.js';

/** A libtorch, as scripts/libtorch.cjs tells of it; beside an addon, the one that it was built against. */
const recordSchema = z.object({
  root: z.string(),
  source: z.string(),
  version: z.string(),
  cxx11Abi: z.boolean(),
  cuda: z.boolean(),
});

export type BuildRecord = z.infer<typeof recordSchema>;

/** What the addon of that path was built against: the record lies beside its folder. None for an addon that was moved. */
export function buildRecord(path: string): BuildRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(join(dirname(path), '..', 'libtorch.json'), 'utf8')));
  } catch {
    return undefined;
  }
}

/**
 * The libtorch with headers that an addon would be built against now.
 *
 * @param root its folder; default: what LIBTORCH names, that of python3, or Debian's
 * @throws SpurmemError `NATIVE_BUILD_FAILED` where there is none
 */
export function libtorchNow(root = process.env.LIBTORCH): BuildRecord {
  const script = fileURLToPath(new URL('../../scripts/libtorch.cjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, 'json'], {
    encoding: 'utf8',
    env: { ...process.env, LIBTORCH: root },
  });
  if (status !== 0) throw new SpurmemError('NATIVE_BUILD_FAILED', stderr.trim());
  return recordSchema.parse(JSON.parse(stdout));
}

/** A line for people. */
export function describeRecord({ version, root, source, cuda }: BuildRecord): string {
  return `libtorch ${version}${cuda ? ' with CUDA' : ''} in ${root} (${source})`;
}
