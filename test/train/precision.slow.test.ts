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
  epochs: 3,
  batchSize: 40,
  lr: 1e-3,
  seed: 3,
  device: 'cpu',
  threads: 1,
  resume: false,
};

let exact: TrainingResult;

beforeAll(async () => {
  const counts = { train: [100, 20, 20, 100], val: [10, 10, 10, 10], test: [100, 100, 100, 100] };
  await tinyDominoes(data, counts);
  exact = await train('exact', {});
});

function train(name: string, options: Partial<ErmOptions>): Promise<TrainingResult> {
  return trainErm({ ...base, ...options, out: join(folder, name) });
}

test('a run trained in bfloat16 is about as accurate as one in float32, and says what it computes in', async () => {
  const warnings: string[] = [];
  const onWarning = (text: string): void => void warnings.push(text);
  const bf16 = await train('bf16', { precision: 'bf16', onWarning });
  expect(warnings).toEqual(
    native().fastBf16 ? [] : [expect.stringMatching(/bf16, which this CPU does not compute in.*fp32/)],
  );
  expect((await openRun(join(folder, 'bf16'))).config.precision).toBe('bf16');
  const difference = Math.abs(bf16.test.average - exact.test.average);
  // Three epochs on 240 images: a fifth between two seeds would be nothing unusual.
  report('test accuracy, trained in bf16 and in fp32, difference', difference, 0.2);
  expect(difference).toBeLessThanOrEqual(0.2);
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
  await train('contiguous', { memoryFormat: 'contiguous', epochs: 1 });
  const [first] = await new RunFolder(join(folder, 'contiguous')).readMetrics();
  const [reference] = await new RunFolder(join(folder, 'exact')).readMetrics();
  const difference = Math.abs((first?.trainLoss ?? 0) - (reference?.trainLoss ?? 1));
  report('training loss of the first epoch, NCHW and NHWC, difference', difference, 0.05);
  expect(difference).toBeLessThanOrEqual(0.05);
  const formatOf = async (run: string): Promise<unknown> =>
    (await openRun(join(folder, run))).environment.memoryFormat;
  expect([await formatOf('contiguous'), await formatOf('exact')]).toEqual(['contiguous', 'channels_last']);
});
