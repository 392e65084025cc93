// Starts worker threads that give both lanes jobs, and terminates them at any moment, in a process of its own:
//   node test/native/workers.mjs ROUNDS
// The main thread goes on, and leaves while others are at work, with exit code 5.
import { Buffer } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers';
import { Worker } from 'node:worker_threads';
import { addonInUse, native } from '../../dist/native/addon.js';

const folder = mkdtempSync(join(tmpdir(), 'spurmem-workers-'));
const pixels = join(folder, 'pixels');
writeFileSync(pixels, Buffer.alloc(3 * 16 * 16, 100));

const code = `
  const { parentPort, workerData } = require('node:worker_threads');
  const addon = require(workerData.addon);
  const generator = new addon.Generator(0);
  const store = new addon.ImageStore(
    [workerData.pixels], Int32Array.of(0), Float64Array.of(0), Int32Array.of(16), Int32Array.of(16),
  );
  const plan = {
    placements: Int32Array.of(0, 0, 0, 16, 16, 100, 100, 0, 0, 100, 100, 0, 0, 0),
    ...{ size: [100, 100], interpolation: 'bilinear', mean: [0, 0, 0], std: [1, 1, 1], device: 'cpu', memoryFormat: 'contiguous' },
  };
  const turn = async () => {
    for (;;) {
      const tensor = await addon.tensor(generator.randn(40_000), [200, 200], 'cpu');
      const [product, batch] = await Promise.all([addon.matmul(tensor, tensor), store.batch(plan)]);
      await product.argmax();
      for (const made of [tensor, product, batch]) made.dispose();
    }
  };
  for (let i = 0; i < 4; i++) turn();
  parentPort.postMessage('at work');`;

async function started() {
  const worker = new Worker(code, {
    eval: true,
    execArgv: [],
    workerData: { addon: addonInUse().path, pixels },
  });
  await new Promise((resolve) => worker.once('message', resolve));
  return worker;
}

const own = await native().tensor(Float32Array.of(1, 2), [1, 2], 'cpu');
for (let round = 0; round < Number(process.argv[2]); round += 1) {
  const workers = await Promise.all([started(), started(), started()]);
  await new Promise((resolve) => setTimeout(resolve, round % 20));
  await Promise.all([own.data(), ...workers.map((worker) => worker.terminate())]);
}
await started();
rmSync(folder, { recursive: true });
console.log([...(await own.data())].join());
process.exit(5);
