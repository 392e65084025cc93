import { join } from 'node:path';
import { readSafetensors } from '../../src/models/safetensors.js';
import { trainErm } from '../../src/train/methods.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { lastOf, tinyDominoes } from '../fixtures.js';
import { maxDifference } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');

test('a run that starts from another one has its input', async () => {
  await tinyDominoes(data);
  const [first, out] = [join(folder, 'normalized'), join(folder, 'same-input')];
  const settings = { epochs: 1, batchSize: 42, lr: 1e-3, device: 'cpu', threads: 1 };
  const input = { resize: [30, 30] as const, mean: [0.4, 0.5, 0.6] as const, std: [0.2, 0.3, 0.4] as const };
  await trainErm({ data, arch: 'resnet20', out: first, ...settings, ...input });
  await trainErm({ from: first, out, ...settings });
  const { config } = await openRun(out);
  expect(config).toMatchObject(input);
  const [own, start] = await Promise.all(
    [out, first].map(async (path) => (await readSafetensors(lastOf(new RunFolder(path)))).tensors),
  );
  const changed = Object.entries(start ?? {}).filter(
    ([name, { data: before }]) => maxDifference(before, own?.[name]?.data ?? new Float32Array()) > 0,
  );
  expect(changed.length).toBeGreaterThan(100);
  // A given `imageSize` replaces the run's `resize` and `crop`, and these replace its `imageSize`.
  const [sized, cut] = [join(folder, 'sized'), join(folder, 'cut')];
  await trainErm({ from: first, out: sized, ...settings, imageSize: 24 });
  const { config: ofSized } = await openRun(sized);
  expect(ofSized).toMatchObject({ imageSize: [24, 24], mean: input.mean });
  expect(ofSized).not.toHaveProperty('resize');
  await trainErm({ from: sized, out: cut, ...settings, resize: [28, 28], crop: [20, 20] });
  const { config: ofCut } = await openRun(cut);
  expect(ofCut).toMatchObject({ resize: [28, 28], crop: [20, 20], mean: input.mean });
  expect(ofCut).not.toHaveProperty('imageSize');
});

test.each([
  [{ weights: 'model.safetensors', from: folder }, 'USAGE', 'Leave one of them out'],
  [{ arch: 'resnet20' }, 'USAGE', '`data` is missing'],
  [{ from: join(folder, 'nowhere') }, 'RUN_NOT_FOUND', 'holds no trained run'],
] as const)('%j is refused', async (start, code, message) => {
  await failure(trainErm({ out: join(folder, 'refused'), ...start }), code, message);
});
