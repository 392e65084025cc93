import { join } from 'node:path';
import { type Loss, LOSSES } from '../../src/metrics/loss.js';
import { readSafetensors, type TensorData } from '../../src/models/safetensors.js';
import { trainErm } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { lastOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, largest } from './compare.js';
import { python, referencePath, THREADS } from './python.js';

const ARCH = 'resnet20';
const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const settings = { epochs: 3, batchSize: 32, lr: 1e-3, seed: 9, threads: THREADS };

interface ReferenceRun {
  readonly epochs: readonly {
    lr: number;
    trainLoss: number;
    train: number[];
    valLoss: number;
    val: number[];
  }[];
  readonly bestEpoch: number;
}

function referenceRun(loss: Loss, weights: string): ReferenceRun {
  const { epochs, batchSize, lr, seed, threads } = settings;
  const given = { data, epochs, 'batch-size': batchSize, lr, loss, arch: ARCH, seed, threads, out: weights };
  const args = Object.entries(given).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return JSON.parse(python([referencePath('erm'), ...args])) as ReferenceRun;
}

beforeAll(async () => {
  const counts = { train: [70, 12, 8, 50], val: [20, 20, 20, 20], test: [4, 4, 4, 4] };
  await tinyDominoes(data, counts, 5);
});

test.each(LOSSES)(
  'three epochs of ERM equal plain PyTorch, %s: losses, group accuracies, weights',
  async (loss) => {
    const theirWeights = join(folder, `${loss}.safetensors`);
    const oracle = referenceRun(loss, theirWeights);
    const run = new RunFolder(join(folder, loss));
    const place = { data, out: run.path, arch: ARCH, device: 'cpu', resume: false } as const;
    const result = await trainErm({ ...settings, ...place, loss });
    const ours = await run.readMetrics();

    for (const [i, epoch] of oracle.epochs.entries()) {
      const mine = ours[i];
      if (!mine) throw new Error(`epoch ${i + 1} is missing`);
      for (const which of ['trainLoss', 'valLoss'] as const) {
        const difference = Math.abs(mine[which] - epoch[which]);
        const value = epoch[which].toFixed(6);
        expectWithin(`${loss}, ${which} of epoch ${i + 1} (${value}), difference`, difference, 1e-5);
      }
      expect(mine.train.accuracy).toEqual(epoch.train);
      expect(mine.val.accuracy).toEqual(epoch.val);
      expect(mine.lr).toBe(epoch.lr);
    }
    expect(result.bestEpoch).toBe(oracle.bestEpoch);

    const mine = (await readSafetensors(lastOf(run))).tensors;
    const theirs = (await readSafetensors(theirWeights)).tensors;
    expect(Object.keys(mine).sort()).toEqual(Object.keys(theirs).sort());
    const worst = largest(mine, (name) => theirs[name] as TensorData);
    expectWithin(`${loss}, weights after three epochs, max relative difference`, worst, 1e-5);
  },
);
