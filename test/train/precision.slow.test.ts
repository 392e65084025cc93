import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { mean } from '../../src/metrics/statistics.js';
import { loadWeights } from '../../src/models/weights.js';
import { native } from '../../src/native/addon.js';
import type { Precision } from '../../src/native/interface.js';
import { trainErm } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import type { TrainingResult } from '../../src/train/results.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { createModel, openImages } from '../../src/train/runModel.js';
import { tinyDominoes } from '../fixtures.js';
import { report } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const base: Omit<ErmOptions, 'out'> = {
  data,
  arch: 'resnet20',
  // An epoch is one step: after many, roundings are another training.
  epochs: 2,
  batchSize: 240,
  lr: 1e-3,
  seed: 3,
  device: 'cpu',
  threads: 1,
  resume: false,
};

beforeAll(async () => {
  const counts = { train: [100, 20, 20, 100], val: [10, 10, 10, 10], test: [100, 100, 100, 100] };
  await tinyDominoes(data, counts);
  await train('exact', {});
});

function train(name: string, options: Partial<ErmOptions>): Promise<TrainingResult> {
  return trainErm({ ...base, ...options, out: join(folder, name) });
}

/** The largest difference between the training losses of a run, before and after a step, and those in float32 and NHWC, relative. */
async function differenceOf(name: string): Promise<number> {
  const losses = async (run: string): Promise<number[]> =>
    (await new RunFolder(join(folder, run)).readMetrics()).map(({ trainLoss }) => trainLoss);
  const exact = await losses('exact');
  expect(exact).toHaveLength(2);
  return Math.max(...(await losses(name)).map((loss, i) => Math.abs(loss / (exact[i] ?? Number.NaN) - 1)));
}

test('training in bfloat16 equals float32 up to rounding, and the run says what it computes in', async () => {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  await train('bf16', { precision: 'bf16', onWarning });
  expect(warnings).toEqual(
    native().fastBf16 ? [] : [expect.stringMatching(/bf16, which this CPU does not compute in.*fp32/)],
  );
  expect((await openRun(join(folder, 'bf16'))).config.precision).toBe('bf16');
  const difference = await differenceOf('bf16');
  report('training losses in bf16 and in fp32, relative difference', difference, 0.02);
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThanOrEqual(0.02);
});

async function heatMaps(precision: Precision): Promise<Float32Array> {
  const { config, weights } = await openRun(join(folder, 'exact'));
  using loader = await openImages(config, await loadDataset(data), { device: 'cpu' });
  using model = await createModel({ ...config, precision }, loader, new (native().Generator)(0));
  await loadWeights(model, weights);
  using batch = await loader.evaluation(loader.dataset.splits.test, 20).start(20);
  const maps = await model.network.gradCam(batch.images, 'layer2.0.conv1', 0);
  using heat = maps.heat;
  expect(heat.dtype).toBe('float32');
  return (await heat.data()) as Float32Array;
}

test('Grad-CAM of a network in bfloat16 is computed in it, and nearly the same', async () => {
  const maps = { fp32: await heatMaps('fp32'), bf16: await heatMaps('bf16') };
  // A weak map is scaled to a highest value of 1 too, which is why single cells differ by more.
  const difference = mean(Array.from(maps.fp32, (value, i) => Math.abs(value - (maps.bf16[i] as number))));
  report('Grad-CAM in bf16 and in fp32, mean difference', difference, 0.1);
  expect(difference).toBeGreaterThan(0);
  expect(difference).toBeLessThanOrEqual(0.1);
});

test('NCHW trains as NHWC does but for rounding, and the run says which it took', async () => {
  await train('contiguous', { memoryFormat: 'contiguous' });
  const difference = await differenceOf('contiguous');
  report('training losses, NCHW and NHWC, relative difference', difference, 5e-3);
  expect(difference).toBeLessThanOrEqual(5e-3);
  const formatOf = async (run: string): Promise<unknown> =>
    (await openRun(join(folder, run))).environment.memoryFormat;
  expect([await formatOf('contiguous'), await formatOf('exact')]).toEqual(['contiguous', 'channels_last']);
});
