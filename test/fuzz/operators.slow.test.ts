import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findLibtorch } from '../../src/native/libtorch.js';
import { node } from '../cli/support.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, guarded, SEED } from './support.js';

/** Calls of a process: the guard gives each address once. */
const PROCESS = 10_000;
const folder = temporaryFolder();
const log = join(folder, 'call');
const headers = join(findLibtorch().root, 'include');

test.each([
  ['every operator of plans', casesOf(200_000, 4000), []],
  // Its CPU kernel trusts lengths that nobody has checked, which random arguments seldom meet.
  ['attention', casesOf(20_000, 2000), ['scaled_dot_product_attention']],
])('%s stays within the memory of its tensors, whatever it is called with', (name, calls, operators) => {
  for (let done = 0; done < calls; done += PROCESS) {
    const own = [headers, SEED * 1_000_000 + done, Math.min(PROCESS, calls - done), log, ...operators];
    const run = node(['test/native/hostileOperators.mjs', ...own.map(String)], guarded(folder));
    // The call at which it crashed.
    const last = run.status === 0 ? '' : readFileSync(log, 'utf8').trim();
    const { status, signal } = run;
    expect({ status, signal, last, stderr: last && run.stderr }).toEqual({
      status: 0,
      signal: null,
      last: '',
      stderr: '',
    });
    const counts = JSON.parse(run.stdout) as { forward: number; backward: number };
    expect(counts.backward).toBeGreaterThan(0);
    process.stdout.write(`  fuzz operators, ${name}: ${run.stdout}`);
  }
});
