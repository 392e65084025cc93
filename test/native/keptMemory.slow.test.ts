import { native } from '#src/native/addon.js';
import { openEngine } from '#src/native/engine.js';

const MIB = 2 ** 20;
const heldMib = (): number => process.memoryUsage.rss() / MIB;

test('memory that is kept for the next tensors goes back when the last job of a process ends', async () => {
  const first = await openEngine({ device: 'cpu' });
  const second = await openEngine({ device: 'cpu' });
  const before = heldMib();
  const values = new Float32Array(64 * MIB).fill(1);
  (await native().tensor(values, [values.length], 'cpu')).dispose();
  const kept = heldMib() - before;
  first[Symbol.dispose]();
  const withJob = heldMib() - before;
  second[Symbol.dispose]();
  const left = heldMib() - before;
  process.stdout.write(
    `  memory: ${[kept, withJob, left].map((mib) => mib.toFixed(0)).join(', ')} MiB after a tensor of 256, with a job left, after the last one\n`,
  );
  expect(withJob - left).toBeGreaterThan(200);
});
