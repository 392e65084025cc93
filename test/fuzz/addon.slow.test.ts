import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { node } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, SEED } from './support.js';

const CALLS = casesOf(10_000, 1000);
const PROCESSES = casesOf(5, 1);
const log = join(temporaryFolder(), 'call');

test('whatever the addon is called with, it answers with a result, or an error that names an argument', () => {
  for (let seed = SEED; seed < SEED + PROCESSES; seed++) {
    const call = ['test/native/hostileCalls.mjs', String(seed), String(CALLS / PROCESSES), log];
    const { status, signal, stdout, stderr } = node(call);
    // The call at which it crashed or hung.
    const last = status === 0 ? '' : readFileSync(log, 'utf8').trim();
    expect({ status, signal, stderr, last }).toEqual({ status: 0, signal: null, stderr: '', last: '' });
    process.stdout.write(`  fuzz addon, seed ${seed}: ${stdout}`);
  }
});
