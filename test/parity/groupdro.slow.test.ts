import { join } from 'node:path';
import { buildDominoes, DEFAULT_DOMINOES } from '../../src/data/dominoes.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { trainGroupDro } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { temporaryFolder } from '../temporary.js';
import { relativeDifference, report } from './compare.js';
import { reference, THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const settings = { epochs: 4, batchSize: 32, lr: 1e-4, seed: 4, threads: THREADS };

interface ReferenceRun {
  readonly groupWeights: readonly (readonly number[])[];
  readonly published: readonly (readonly number[])[];
  readonly steps: number;
  readonly stepsWithoutAGroup: number;
}

beforeAll(async () => {
  const counts = { train: [80, 10, 6, 64], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts, seed: 5, size: 32 });
});

test.each([
  { sampling: 'group-balanced', groupDroStep: 0.2, groupDroAdjustment: 3 },
  { sampling: 'shuffled', groupDroStep: 0.2, groupDroAdjustment: 0 },
] as const)('20 steps of GroupDRO equal plain PyTorch, %j', async (own) => {
  const theirWeights = join(folder, `${own.sampling}.safetensors`);
  const { epochs, batchSize, lr, seed, threads } = settings;
  const oracle = JSON.parse(
    reference('groupdro', {
      data,
      epochs,
      batch_size: batchSize,
      lr,
      seed,
      threads,
      out: theirWeights,
      step: own.groupDroStep,
      adjustment: own.groupDroAdjustment,
      sampling: own.sampling,
    }),
  ) as ReferenceRun;
  expect(oracle.steps).toBe(20);
  // Batches that lack a group leave its weight alone.
  expect(oracle.stepsWithoutAGroup > 0).toBe(own.sampling === 'shuffled');

  const run = new RunFolder(join(folder, own.sampling));
  const place = { data, out: run.path, arch: 'resnet20', device: 'cpu', resume: false } as const;
  await trainGroupDro({ ...settings, ...place, ...own });
  const weights = (await run.readMetrics()).map(({ groupWeights }) => groupWeights ?? []);
  for (const which of ['groupWeights', 'published'] as const) {
    const difference = Math.max(
      ...oracle[which].flatMap((epoch, i) =>
        epoch.map((weight, group) => Math.abs(weight - (weights[i]?.[group] ?? Number.NaN))),
      ),
    );
    report(`${which}, ${own.sampling}, difference`, difference, 1e-6);
    expect(difference).toBeLessThanOrEqual(1e-6);
  }
  // They have left 1 / 4.
  expect(Math.max(...(weights.at(-1) ?? []))).toBeGreaterThan(0.3);

  const mine = (await readSafetensors(run.last)).tensors;
  const theirs = (await readSafetensors(theirWeights)).tensors;
  const worst = Math.max(
    ...Object.entries(mine).map(([name, { data: values }]) =>
      relativeDifference(values, theirs[name]?.data as Float32Array),
    ),
  );
  report(`weights after 20 steps, ${own.sampling}, max relative difference`, worst, 1e-6);
  expect(worst).toBeLessThanOrEqual(1e-6);
});
