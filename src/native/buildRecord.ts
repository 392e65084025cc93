import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SpurmemError } from '../errors.js';

/** A libtorch, as scripts/libtorch.cjs tells of it; beside an addon, the one that it was built against. */
export interface BuildRecord {
  readonly root: string;
  readonly source: string;
  readonly version: string;
  readonly cxx11Abi: boolean;
  readonly cuda: boolean;
}

/** What the script wrote. No schema: the addon is loaded without zod, which takes as long as all else that is imported. */
function parseRecord(json: string): BuildRecord {
  const record = JSON.parse(json) as BuildRecord;
  const texts = [record.root, record.source, record.version];
  const flags = [record.cxx11Abi, record.cuda];
  if (texts.every((text) => typeof text === 'string') && flags.every((flag) => typeof flag === 'boolean')) {
    return record;
  }
  throw new TypeError('no record of a libtorch');
}

/** What the addon of that path was built against: the record lies beside its folder. None for an addon that was moved. */
export function buildRecord(path: string): BuildRecord | undefined {
  try {
    return parseRecord(readFileSync(join(dirname(path), '..', 'libtorch.json'), 'utf8'));
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
  return parseRecord(stdout);
}

/** A line for people. */
export function describeRecord({ version, root, source, cuda }: BuildRecord): string {
  return `libtorch ${version}${cuda ? ' with CUDA' : ''} in ${root} (${source})`;
}
