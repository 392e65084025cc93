import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { SpurmemError } from '../../src/errors.js';
import { readProgram } from '../../src/models/exported/program.js';
import { node } from '../cli/support.js';
import { exported } from '../parity/exportedCases.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, damaged, guarded, mutations, SEED } from './support.js';

const CASES = casesOf(3000, 300);
const folder = temporaryFolder();
const log = join(folder, 'case');
let program: `${string}.pt2`;

beforeAll(async () => {
  ({ program } = await exported({ network: 'branches', batch: 4, height: 12, width: 10 }));
}, 120_000);

test('a damaged graph is refused in words, or computes something: nothing crashes or leaves the memory of its tensors', () => {
  const run = ['test/native/hostilePrograms.mjs', program, '12', '10', String(SEED), String(CASES), log];
  const { status, signal, stdout, stderr } = node(run, guarded(folder));
  // What it was at when it crashed or hung.
  const last = status === 0 || !existsSync(log) ? '' : readFileSync(log, 'utf8').trim();
  expect({ status, signal, stderr, last }).toEqual({ status: 0, signal: null, stderr: '', last: '' });
  process.stdout.write(`  fuzz programs, seed ${SEED}: ${stdout}`);
  const { ran, refused } = JSON.parse(stdout) as { ran: number; refused: number };
  expect(ran).toBeGreaterThan(0);
  expect(refused).toBeGreaterThan(CASES / 10);
}, 600_000);

test('a damaged file is refused with its name', async () => {
  const whole = readFileSync(program);
  const path = join(folder, 'damaged.pt2');
  await fc.assert(
    fc.asyncProperty(mutations(), async (changes) => {
      writeFileSync(path, damaged(whole, changes));
      const error: unknown = await readProgram(path).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (error === undefined) return;
      expect(error).toBeInstanceOf(SpurmemError);
      expect((error as SpurmemError).code).toBe('MODEL_INVALID');
      expect((error as SpurmemError).message).toContain(path);
    }),
    { seed: SEED, numRuns: casesOf(3000) },
  );
  truncateSync(path, 100);
  await expect(readProgram(path)).rejects.toThrow(/no program of torch\.export/);
}, 600_000);
