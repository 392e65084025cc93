// Trains, fine-tunes and traces on a device, small: node scripts/gpuCheck/small.mjs DEVICE [WAITS]. With WAITS, the library
// compiled from waits.cpp, libtorch fails if the host waits for the GPU. A value that is read later, at an event, is no such wait.
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dominoes } from '../../bench/dist/data.js';
import * as spurmem from '../../dist/index.js';

const [device, waits] = process.argv.slice(2);
spurmem.native();
const { failOnWaits } =
  waits === undefined ? { failOnWaits: () => true } : createRequire(import.meta.url)(waits);
const folder = mkdtempSync(join(tmpdir(), 'spurmem-small-'));
const data = await dominoes({ folder: 'bench-data' });
const run = join(folder, 'erm');
const few = { epochs: 1, batchSize: 64, device };
const erm = (out) => spurmem.trainErm({ data, arch: 'resnet18', lr: 1e-4, seed: 3, ...few, out });
const work = {
  ERM: () => erm(join(folder, 'again')),
  'fine-tuning': () => spurmem.trainFinetune({ from: run, ...few, out: join(folder, 'finetune') }),
  'unstructured tracing': () =>
    spurmem.traceUnstructured({ run, topK: [3], nullDraws: 2, samples: 32, device }),
  'structured tracing': () => spurmem.traceStructured({ run, nullDraws: 0, device }),
};

try {
  // A process may wait at first, while libraries initialize.
  await erm(run);
  for (const [name, job] of Object.entries(work)) {
    if (!failOnWaits(true)) throw new Error('libtorch does not raise where it would wait.');
    try {
      await job();
      console.log(`ok   ${name}`);
    } catch (error) {
      console.log(`FAIL ${name}: ${error.message}`);
      process.exitCode = 1;
    } finally {
      failOnWaits(false);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
