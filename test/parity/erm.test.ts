import { join } from 'node:path';
import { buildDominoes, DEFAULT_DOMINOES } from '../../src/data/dominoes.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { trainErm } from '../../src/train/erm.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { temporaryFolder } from '../temporary.js';
import { relativeDifference, report } from './compare.js';
import { THREADS, reference } from './python.js';

const folder = temporaryFolder();

interface ReferenceRun {
  readonly epochs: readonly { lr: number; trainLoss: number; train: number[]; val: number[] }[];
  readonly bestEpoch: number;
}

test('a three-epoch ERM run equals plain PyTorch: losses, group accuracies, weights', async () => {
  const data = join(folder, 'dominoes');
  const counts = { train: [300, 30, 20, 200], val: [40, 40, 40, 40], test: [10, 10, 10, 10] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts, seed: 5 });
  const settings = { epochs: 3, batchSize: 64, lr: 1e-3, seed: 9, threads: THREADS };
  const theirWeights = join(folder, 'python.safetensors');
  const oracle = JSON.parse(
    reference('erm', [
      ...[
        '--data',
        data,
        '--epochs',
        settings.epochs,
        '--batch-size',
        settings.batchSize,
        '--lr',
        settings.lr,
      ],
      ...['--seed', settings.seed, '--threads', settings.threads, '--out', theirWeights],
    ]),
  ) as ReferenceRun;

  const out = join(folder, 'run');
  const result = await trainErm({ ...settings, data, out, arch: 'resnet18', device: 'cpu', resume: false });
  const run = new RunFolder(out);
  const ours = await run.readMetrics();

  for (const [i, epoch] of oracle.epochs.entries()) {
    const mine = ours[i];
    if (!mine) throw new Error(`epoch ${i + 1} is missing`);
    const difference = Math.abs(mine.trainLoss - epoch.trainLoss);
    report(`loss of epoch ${i + 1} (${epoch.trainLoss.toFixed(6)}), difference`, difference, 1e-5);
    expect(difference).toBeLessThanOrEqual(1e-5);
    expect(mine.train.accuracy).toEqual(epoch.train);
    expect(mine.val.accuracy).toEqual(epoch.val);
    expect(mine.lr).toBe(epoch.lr);
  }
  expect(result.bestEpoch).toBe(oracle.bestEpoch);

  const mine = (await readSafetensors(run.last)).tensors;
  const theirs = (await readSafetensors(theirWeights)).tensors;
  expect(Object.keys(mine).sort()).toEqual(Object.keys(theirs).sort());
  const worst = Math.max(
    ...Object.entries(mine).map(([name, { data: values }]) =>
      relativeDifference(values, theirs[name]?.data as Float32Array),
    ),
  );
  report('weights after three epochs, max relative difference', worst, 1e-5);
  expect(worst).toBeLessThanOrEqual(1e-5);
});
