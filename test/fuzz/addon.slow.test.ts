import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../temporary.js';
import { casesOf, SEED } from './support.js';

const CALLS = casesOf(10_000, 1000);
const PROCESSES = casesOf(5, 1);
const log = join(temporaryFolder(), 'call');

test('whatever the addon is called with, it answers with a result, or an error that names an argument', () => {
  const { NODE_OPTIONS: _options, ...env } = process.env;
  const script = fileURLToPath(new URL('../native/hostileCalls.mjs', import.meta.url));
  for (let process_ = 0; process_ < PROCESSES; process_++) {
    const seed = SEED + process_;
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      [script, String(seed), String(CALLS / PROCESSES), log],
      { encoding: 'utf8', env, timeout: 120_000, killSignal: 'SIGKILL' },
    );
    // What it was at when it crashed or hung.
    const last = status === 0 ? '' : readFileSync(log, 'utf8').trim();
    expect({ status, signal, stderr, last }).toEqual({ status: 0, signal: null, stderr: '', last: '' });
    process.stdout.write(`  fuzz addon, seed ${seed}: ${stdout}`);
  }
});
