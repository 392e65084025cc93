import { join } from 'node:path';
import { readSafetensors } from '../../src/models/safetensors.js';
import { trainGroupDro } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { lastOf, tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, largest } from './compare.js';
import { askOracle } from './oracle.js';
import { THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const settings = { epochs: 4, batchSize: 16, lr: 1e-4, seed: 4, threads: THREADS };

interface ReferenceRun {
  readonly groupWeights: readonly (readonly number[])[];
  readonly published: readonly (readonly number[])[];
  readonly steps: number;
  readonly stepsWithoutAGroup: number;
}

beforeAll(async () => {
  await tinyDominoes(data, { train: [40, 5, 3, 32] }, 5);
});

test.each([
  { sampling: 'group-balanced', groupDroStep: 0.2, groupDroAdjustment: 3 },
  { sampling: 'shuffled', groupDroStep: 0.2, groupDroAdjustment: 0 },
] as const)('20 steps of GroupDRO equal plain PyTorch, %j', async (own) => {
  const expected = await askOracle('groupdro', { ...settings, ...own, data });
  const oracle = JSON.parse(expected.printed) as ReferenceRun;
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
    expectWithin(`${which}, ${own.sampling}, difference`, difference, 1e-6);
  }
  expect(weights.at(-1)).not.toEqual([0.25, 0.25, 0.25, 0.25]);

  const worst = largest((await readSafetensors(lastOf(run))).tensors, expected);
  expectWithin(`weights after 20 steps, ${own.sampling}, max relative difference`, worst, 1e-6);
});
