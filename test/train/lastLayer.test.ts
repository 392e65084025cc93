import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { mean } from '../../src/metrics/statistics.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { openEngine } from '../../src/native/engine.js';
import { SoftmaxRegression } from '../../src/train/dfr/softmaxRegression.js';
import { trainAfr, trainCbllr, trainDfr } from '../../src/train/methods.js';
import { afrWeights } from '../../src/train/methods/lastLayer.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { bestOf } from '../fixtures.js';
import { bytesOf } from '../parity/compare.js';
import { builtRuns } from './support.js';

const runs = builtRuns();

test.each([
  ['cbllr', trainCbllr, { inverseStrength: 0.01 }],
  ['afr', trainAfr, { gamma: 4, lambda: 0.1 }],
] as const)('%s changes the last layer alone, and needs no groups', async (name, train, settings) => {
  const out = join(runs.folder, name);
  const result = await train({ from: runs.reference.path, out, device: 'cpu', threads: 1, ...settings });
  expect(result).toMatchObject({ kind: name, epochs: 0 });
  const before = (await readSafetensors(bestOf(runs.reference))).tensors;
  const after = (await readSafetensors(bestOf(new RunFolder(out)))).tensors;
  const changed = Object.entries(before).filter(
    ([of, { data }]) => !bytesOf(data).equals(bytesOf(after[of]?.data ?? new Float32Array())),
  );
  expect(changed.map(([of]) => of).sort()).toEqual(['fc.bias', 'fc.weight']);
});

test('cbllr refuses validation images without a class, which it would unlearn', async () => {
  const dataset = await loadDataset(runs.base.data);
  const { splits, labels } = dataset;
  const data = { ...dataset, splits: { ...splits, val: splits.val.filter((index) => labels[index] === 0) } };
  const given = { from: runs.reference.path, device: 'cpu', threads: 1, data } as const;
  const out = join(runs.folder, 'unlearned');
  const problem = 'metadata.csv: the split val has no image of the class coat, which CB-LLR would unlearn';
  await failure(trainCbllr({ ...given, out }), 'DATASET_EMPTY_GROUP', problem);
  await trainAfr({ ...given, out });
});

test('a dozen ticks repair by weights, where subsets of so few images leave no feature', async () => {
  const dataset = await loadDataset(runs.base.data);
  const { examples, splits, groups } = dataset;
  const hidden = [...splits.val].filter((index) => [1, 2].includes(groups[index] ?? 0)).slice(0, 6);
  const ticks = join(runs.folder, 'ticks.csv');
  const rows = hidden.map((index) => `${examples[index]?.filename},1`);
  await writeFile(ticks, ['path,ticked', ...rows, ''].join('\n'));
  const out = join(runs.folder, 'ticked');
  const given = { from: runs.reference.path, device: 'cpu', threads: 1, datasetOptions: { ticks } };
  const result = await trainDfr({ ...given, out });
  expect((await openRun(out)).config).toMatchObject({ balance: 'weights' });
  expect(result.tuning).toBeUndefined();
  // The optimum over groups that weigh the same is no worse than a layer of zeros, whose loss is ln 2.
  const evaluated = await evaluateRun({ run: out, split: 'val', rows: true, device: 'cpu', threads: 1 });
  const losses = result.val.total.map((_, group) =>
    mean((evaluated.rows ?? []).filter((row) => row.group === group).map(({ loss }) => loss)),
  );
  expect(mean(losses)).toBeLessThanOrEqual(Math.LN2 + 1e-6);
  // Traces are recorded with the run, by its own groups; a run of the ticks has theirs.
  const trace = { criteria: ['gradient'], topK: [1], nullDraws: 0, device: 'cpu', threads: 1 } as const;
  const refused = traceUnstructured({ ...trace, run: runs.reference.path, datasetOptions: { ticks } });
  expect((await failure(refused, 'DATASET_INVALID')).message).toMatch(
    /by ticks, adopt its weights with them/,
  );
  const traced = await traceUnstructured({ ...trace, run: out, split: 'val' });
  expect(traced.entries.length).toBeGreaterThan(0);
  const plain = await trainDfr({ ...given, out: `${out}-subsets`, balance: 'subsets', draws: 1 });
  expect(plain.tuning).toHaveLength(7);
});

/** A fixed batch: features, a layer, and its logits. */
const [COUNT, SIZE] = [40, 3];
const generator = new (native().Generator)(1);
const features = generator.randn(COUNT * SIZE);
const labels = Int32Array.from({ length: COUNT }, (_, i) => Number(i % 5 === 0));
const start = { weight: Float64Array.from(generator.randn(2 * SIZE)), bias: Float64Array.of(0.3, -0.2) };
const logitsOf = ({ weight, bias }: typeof start, i: number): [number, number] => {
  const of = (y: number): number =>
    Array.from({ length: SIZE }).reduce<number>(
      (sum, _, j) => sum + (weight[y * SIZE + j] ?? 0) * (features[i * SIZE + j] ?? 0),
      bias[y] ?? 0,
    );
  return [of(0), of(1)];
};

test('AFR’s weights and optimum are those of the authors’ formulas', async () => {
  const logits = Float32Array.from(Array.from(labels, (_, i) => logitsOf(start, i)).flat());
  const weights = afrWeights(logits, labels, 4);
  // beta_y * exp(-gamma * p), with a sum of 1.
  const raw = Array.from(labels, (y, i) => {
    const [a, b] = logitsOf(start, i);
    const p = 1 / (1 + Math.exp(y === 0 ? b - a : a - b));
    return (COUNT / (y === 0 ? 32 : 8)) * Math.exp(-4 * p);
  });
  const total = raw.reduce((sum, one) => sum + one);
  for (const [i, weight] of weights.entries()) expect(weight).toBeCloseTo((raw[i] ?? 0) / total, 6);

  // Their objective by plain gradient descent: sum of w * CE + lambda * (|W - W0|^2 + |b - b0|^2).
  const lambda = 0.1;
  const at = { weight: start.weight.slice(), bias: start.bias.slice() };
  for (let step = 0; step < 4000; step += 1) {
    const slope = { weight: new Float64Array(2 * SIZE), bias: new Float64Array(2) };
    for (const [i, y] of labels.entries()) {
      const own = logitsOf(at, i);
      const sum = Math.exp(own[0]) + Math.exp(own[1]);
      for (const k of [0, 1] as const) {
        const residual = (weights[i] ?? 0) * (Math.exp(own[k]) / sum - Number(k === y));
        slope.bias[k] = (slope.bias[k] ?? 0) + residual;
        for (let j = 0; j < SIZE; j += 1) {
          slope.weight[k * SIZE + j] =
            (slope.weight[k * SIZE + j] ?? 0) + residual * (features[i * SIZE + j] ?? 0);
        }
      }
    }
    for (const name of ['weight', 'bias'] as const) {
      at[name] = at[name].map(
        (value, j) => value - 0.1 * ((slope[name][j] ?? 0) + 2 * lambda * (value - (start[name][j] ?? 0))),
      );
    }
  }
  using context = await openEngine({});
  using regression = await SoftmaxRegression.of(features, labels, 2, context);
  const { layer } = await regression.fit({ weights, penalty: 2 * lambda, center: start });
  for (const name of ['weight', 'bias'] as const) {
    for (const [j, value] of layer[name].entries())
      expect(Math.abs(value - (at[name][j] ?? 0))).toBeLessThan(1e-3);
  }
});
