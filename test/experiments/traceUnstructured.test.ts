import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_DOMINOES, buildDominoes } from '../../src/data/dominoes.js';
import { traceUnstructured, type TraceOptions } from '../../src/experiments/traceUnstructured.js';
import { CRITERIA } from '../../src/neurons/neuron.js';
import { trainErm } from '../../src/train/erm.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const common = { seed: 0, device: 'cpu', threads: 0 };
const options: TraceOptions = { ...common, run, criteria: CRITERIA, topK: [1, 2, 3] };

beforeAll(async () => {
  const counts = { train: [60, 20, 12, 40], val: [4, 4, 4, 4], test: [4, 4, 4, 4] };
  await buildDominoes(data, { ...DEFAULT_DOMINOES, counts });
  await trainErm({
    ...common,
    ...{ data, out: run, arch: 'resnet18', epochs: 1, batchSize: 32, lr: 1e-3, resume: false },
  });
});

test('zeroes the top k for each criterion and group, and measures every group', async () => {
  const result = await traceUnstructured(options);
  expect(result.entries).toHaveLength(2 * 4 * 3);
  for (const { neurons, k, accuracy, change } of result.entries) {
    expect(neurons).toHaveLength(k);
    expect(neurons.map(({ score }) => score)).toEqual(
      neurons.map(({ score }) => score).sort((a, b) => b - a),
    );
    expect(change).toEqual(accuracy.map((value, g) => value - (result.baseline.accuracy[g] ?? 0)));
  }
  const magnitude = result.entries.filter(({ criterion }) => criterion === 'magnitude');
  for (const k of [1, 2, 3]) {
    const ofGroups = magnitude
      .filter((entry) => entry.k === k)
      .map(({ neurons, change }) => ({ neurons, change }));
    expect(ofGroups).toHaveLength(4);
    expect(new Set(ofGroups.map((entry) => JSON.stringify(entry))).size).toBe(1);
  }
  const written = JSON.parse(
    await readFile(new RunFolder(run).result('trace-unstructured'), 'utf8'),
  ) as unknown;
  expect(written).toEqual(result);
  expect(await traceUnstructured(options)).toEqual(result);
});

test('k beyond the model\u2019s neurons is refused before the long work', async () => {
  const steps: string[] = [];
  const attempt = traceUnstructured({
    ...options,
    topK: [1, 4801],
    onProgress: ({ task }) => {
      steps.push(task);
    },
  });
  await expect(attempt).rejects.toThrow(/top 4801 neurons \(--top-k\): the model has 4800/);
  expect(steps).toEqual([]);
});

test('a dataset that changed since training is refused', async () => {
  await appendFile(join(data, 'metadata.csv'), ' \n');
  await expect(traceUnstructured(options)).rejects.toMatchObject({ code: 'DATASET_INVALID' });
});
