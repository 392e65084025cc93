import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../cli/support.js';

/** Runs a script of this folder in a process of its own. */
export function runScript(
  name: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): SpawnSyncReturns<string> {
  const env = { ...process.env, NODE_OPTIONS: '', ...environment };
  return spawnSync(process.execPath, [join(ROOT, 'test/native', name), ...args], { encoding: 'utf8', env });
}
