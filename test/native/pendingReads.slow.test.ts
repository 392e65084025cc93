import { join } from 'node:path';
import { jest } from '@jest/globals';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { LOSSES } from '../../src/metrics/loss.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { ComputeContext, PendingReads } from '../../src/native/context.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { trainOptions } from '../cli/support.js';
import { lastOf, tinyDominoes } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();

afterEach(() => {
  jest.restoreAllMocks();
});

test('pieces are finished in their order, a few behind, and let go of after an error', async () => {
  const events: string[] = [];
  const piece = (name: string, read: Promise<string> = Promise.resolve(name)) => ({
    read,
    finish: (value: string) => {
      events.push(`finish ${value}`);
    },
    dispose: () => {
      events.push(`dispose ${name}`);
    },
  });
  const failing = async (): Promise<void> => {
    await using pending = new PendingReads(new ComputeContext({ device: 'cuda:0' }));
    await pending.add(piece('a'));
    await pending.add(piece('b', Promise.reject(new Error('b failed'))));
    expect(events).toEqual([]);
    await pending.add(piece('c'));
    expect(events).toEqual(['finish a', 'dispose a']);
    await pending.add(piece('d'));
  };
  await expect(failing()).rejects.toThrow('b failed');
  expect(events).toEqual(['finish a', 'dispose a', 'dispose b', 'dispose c', 'dispose d']);

  events.length = 0;
  await using ofCpu = new PendingReads(new ComputeContext({ device: 'cpu' }));
  await ofCpu.add(piece('e'));
  expect(events).toEqual(['finish e', 'dispose e']);
});

test.each(LOSSES)(
  'a run and a trace of %s whose reads are pending, as on a GPU, are the same to the bit',
  async (loss) => {
    const data = join(folder, `data-${loss}`);
    await tinyDominoes(data);
    const made = async (name: string) => {
      const out = join(folder, `${name}-${loss}`);
      await trainErm({ ...trainOptions(data, out), epochs: 1, batchSize: 16, lr: 1e-3, loss });
      const run = new RunFolder(out);
      const [epochs, { tensors }] = [await run.readMetrics(), await readSafetensors(lastOf(run))];
      const place = { run: out, device: 'cpu', threads: 1 };
      const { entries } = await traceUnstructured({ ...place, topK: [1, 2], nullDraws: 0 });
      return { epochs: epochs.map(({ seconds: _, ...epoch }) => epoch), tensors, entries };
    };
    const atOnce = await made('at-once');
    jest.spyOn(ComputeContext.prototype, 'maxPendingReads', 'get').mockReturnValue(3);
    const before = await settledTensors();
    expect(await made('pending')).toEqual(atOnce);
    expect(native().liveTensors()).toBe(before);
  },
);
