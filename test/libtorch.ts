import { buildRecord } from '../src/native/addonFiles.js';
import type { Libtorch } from '../src/native/libtorch.js';
import { ADDON } from './cli/support.js';

/** The libtorch that the addon which is tested was built against. */
export function builtLibtorch(): Libtorch {
  const record = buildRecord(ADDON);
  if (record === undefined) throw new Error(`there is no libtorch.json of ${ADDON}`);
  return record;
}
