import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { evaluateVariants } from '../../src/experiments/evaluateVariants.js';
import {
  countersOfProcesses,
  meansOfProcesses,
  MomentSums,
  OutcomeCounter,
} from '../../src/experiments/outcomeCounter.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { mean } from '../../src/metrics/statistics.js';
import type { Model } from '../../src/models/model.js';
import { native } from '../../src/native/addon.js';
import { setThreads } from '../../src/native/engine.js';
import type { WeightEdit } from '../../src/native/interface.js';
import { maskNeurons, perturbedVariants, type Variant } from '../../src/neurons/perturb.js';
import { gradientScores } from '../../src/neurons/score.js';
import { Adam } from '../../src/train/adam.js';
import { failure } from '../data/support.js';
import { tinyDominoes } from '../fixtures.js';
import { newModel, settledTensors } from '../networks.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';
import { stopIn } from '../train/support.js';

const folder = temporaryFolder();
let loader: BatchLoader;
let model: Model;
const job = { batchSize: 16, task: 'test' };

beforeAll(async () => {
  // The same training whatever the test file before this one set.
  await setThreads(1);
  const dataset = await tinyDominoes(join(folder, 'dominoes'), { train: [60, 20, 12, 40] });
  loader = await BatchLoader.open(dataset, { device: 'cpu' });
  const generator = new (native().Generator)(0);
  model = await newModel('resnet18', { generator });
  // A few epochs, so that predictions differ between examples and react to perturbations.
  const optimizer = new Adam(model, 1e-3);
  for (let epoch = 0; epoch < 5; epoch += 1) {
    for await (const batch of loader.training(dataset.splits.train, 32, generator)) {
      using current = batch;
      using logits = (await model.network.run(current.images, { statistics: 'shared', grad: true })).logits;
      using loss = await native().crossEntropy(logits, current.labels, 'mean');
      await model.network.zeroGrad();
      await loss.backward();
      await optimizer.step();
    }
  }
});

afterAll(() => {
  loader[Symbol.dispose]();
  model[Symbol.dispose]();
});

/** The model's weights and statistics as a hash: comparing millions of numbers one by one is slow. */
async function digest(): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, { data }] of Object.entries(await model.stateDict())) {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}

const at = (layer: string, ...indices: number[]): { layer: string; index: number }[] =>
  indices.map((index) => ({ layer, index }));

/** Some in the middle of filters, which lie in another order in memory. */
function singleWeights(kind: 'add' | 'replace'): WeightEdit {
  const neurons = Int32Array.of(0, 7, 40, 900, 5000);
  return { layer: 'conv1', unit: 'weight', kind, neurons, values: new Float32Array(neurons.length).fill(3) };
}

test('gives, to the last sample, what evaluating each perturbed model alone gives', async () => {
  const { layers } = model.description;
  const drawn = [...at('layer1.0.conv2', 5), ...at('conv1', 3)];
  const variants: Variant[] = [
    maskNeurons(at('conv1', 0, 7, 33)),
    maskNeurons(at('layer2.0.downsample.0', 1)),
    maskNeurons([...at('layer4.1.conv2', 100), ...at('layer1.1.conv1', 2)]),
    maskNeurons(at('layer4.1.conv2', ...Array.from({ length: 512 }, (_, i) => i))),
    maskNeurons(at('conv1', 33, 7, 0)), // The first again, in another order.
    maskNeurons([]),
    maskNeurons(at('layer1.0.conv1', 0, 1, 2, 3), 'weight'),
    {
      key: 'single weights',
      edits: [singleWeights('add'), { ...singleWeights('replace'), layer: 'layer2.0.conv1' }],
    },
    ...perturbedVariants(drawn, { kind: 'reinit', sigma: 0.5, seeds: [1] }, layers),
    ...perturbedVariants(drawn, { kind: 'noise', sigma: 0.5, seeds: [1] }, layers),
  ];
  const before = await digest();
  const live = await settledTensors();
  const indices = loader.dataset.splits.train;
  const together = await evaluateVariants(model, loader, indices, variants, job);
  expect(native().liveTensors()).toBe(live);
  expect(await digest()).toEqual(before);

  const { accuracies, logits } = await evaluateModel(model, loader, indices, { ...job, logits: true });
  expect(together.baseline).toEqual(accuracies);
  const { groups, groupNames, labels } = loader.dataset;
  const marginAt = (i: number): number => {
    const difference = (logits?.[2 * i] ?? Number.NaN) - (logits?.[2 * i + 1] ?? Number.NaN);
    return labels[indices[i] as number] === 0 ? difference : -difference;
  };
  for (const group of groupNames.keys()) {
    const own = [...indices.keys()].filter((i) => groups[indices[i] as number] === group);
    expect(together.baselineMargin[group]).toBeCloseTo(mean(own.map(marginAt)), 3);
  }
  for (const [i, { edits }] of variants.entries()) {
    const alone = await whilePerturbed(model, edits, () => evaluateModel(model, loader, indices, job));
    expect(together.variants[i]?.map((outcome) => outcome?.correct)).toEqual(alone.accuracies.correct);
    expect(together.variants[i]?.map((outcome) => outcome?.total)).toEqual(alone.accuracies.total);
  }
  expect(await digest()).toEqual(before);
  const correct = together.variants.map((outcomes) => outcomes.map((outcome) => outcome?.correct).join());
  expect(new Set(correct).size).toBeGreaterThan(2);
  const right = (g: number): number => together.baseline.correct[g] ?? 0;
  for (const outcomes of together.variants) {
    for (const [g, outcome] of outcomes.entries()) {
      expect(outcome?.correct).toBe(right(g) - (outcome?.lost ?? 0) + (outcome?.gained ?? 0));
    }
  }
});

test('evaluates a variant on the groups that are asked for, and counts the work', async () => {
  const { dataset } = loader;
  const mask = maskNeurons(at('layer4.1.conv2', 0, 1, 2));
  const indices = dataset.splits.train;
  const whole = await evaluateVariants(model, loader, indices, [mask], job);
  const parts = await evaluateVariants(
    model,
    loader,
    indices,
    [
      { ...mask, groups: [2] },
      { ...mask, groups: [0, 2] },
    ],
    job,
  );
  const [all] = whole.variants;
  expect(parts.variants).toEqual([
    [null, null, all?.[2], null],
    [all?.[0], null, all?.[2], null],
  ]);
  expect(whole.cost.naiveForwards).toBe(132);
  // The whole model once, and its last block and head once more.
  const costs = await stageShares();
  const last = (costs.at(-1) ?? 0) + (costs.at(-2) ?? 0);
  expect(whole.cost.runForwards).toBeCloseTo(132 + 132 * last, 6);
  expect(parts.cost.runForwards).toBeCloseTo(132 + (60 + 12) * last, 6);
});

test('names the first examples of each group that a variant loses, with what it predicts', async () => {
  const { dataset } = loader;
  const indices = dataset.splits.train;
  const mask = maskNeurons(at('conv1', ...Array.from({ length: 64 }, (_, i) => i)));
  const named = await evaluateVariants(model, loader, indices, [mask], { ...job, namedExamples: 3 });
  const before = await evaluateModel(model, loader, indices, job);
  const after = await evaluateModel(model, loader, indices, { ...job, edits: mask.edits });
  const expected = dataset.groupNames.map((_, group) =>
    [...indices.entries()]
      .filter(
        ([i, example]) =>
          dataset.groups[example] === group &&
          before.predictions[i] === dataset.labels[example] &&
          after.predictions[i] !== dataset.labels[example],
      )
      .map(([i, example]) => ({ example, predicted: after.predictions[i] })),
  );
  // More than are named, so that the number bounds them.
  expect(Math.max(...expected.map(({ length }) => length))).toBeGreaterThan(3);
  expect(named.lost).toEqual([expected.map((ofGroup) => ofGroup.slice(0, 3))]);
  expect(named.variants[0]?.map((outcome) => outcome?.lost)).toEqual(expected.map(({ length }) => length));
  // Not asked for, none are named.
  const plain = await evaluateVariants(model, loader, indices, [mask], job);
  expect(plain.lost).toEqual([[[], [], [], []]]);
});

test('examples that several processes found are those that one would name', async () => {
  const judged = (...right: boolean[]) => ({
    right,
    predicted: right.map((isRight) => (isRight ? 0 : 1)),
    margins: new Float64Array(right.length),
    losses: new Float64Array(right.length),
  });
  const found = [
    [4, 5, 6, 7],
    [1, 2, 3, 9],
  ].map((examples) => {
    const one = new OutcomeCounter(3);
    one.add(Int32Array.from(examples), judged(true, true, false, true), judged(false, true, false, false));
    return one;
  });
  expect(found.map(({ first }) => first.map(({ example }) => example))).toEqual([
    [4, 7],
    [1, 9],
  ]);
  const gather = () => Promise.resolve(found.map(({ counted }) => Float64Array.from(counted)));
  const [all] = await countersOfProcesses({ gather }, found.slice(0, 1));
  expect(all?.first).toEqual([1, 4, 7].map((example) => ({ example, predicted: 1 })));
  expect(all?.outcome).toMatchObject({ total: 8, correct: 2, lost: 4, gained: 0 });
});

test('means that several processes found are those of all values, and of none no number', async () => {
  const found = [
    [[1, 2, 6], []],
    [[11], []],
  ].map((ofProcess) =>
    ofProcess.map((values) => {
      const sums = new MomentSums();
      for (const value of values) sums.add(value);
      return sums;
    }),
  );
  const gather = () =>
    Promise.resolve(found.map((all) => Float64Array.from(all.flatMap(({ sums }) => sums))));
  expect(await meansOfProcesses({ gather }, found[0] ?? [])).toEqual([5, Number.NaN]);
});

async function stageShares(): Promise<number[]> {
  using images = await native().tensor(new Float32Array(3 * 32 * 16), [1, 3, 32, 16], 'cpu');
  const { logits, costs } = await model.network.run(images, { costs: true });
  logits.dispose();
  // ResNet-18's convolutions and head at 32 x 16 px, counted by hand.
  const whole = costs.reduce((sum, cost) => sum + cost, 0);
  expect(whole).toBe(22_701_056);
  return Array.from(costs, (cost) => cost / whole);
}

test('edits of one layer add up, and leave the weights alone', async () => {
  using images = await native().tensor(new Float32Array(3 * 32 * 16).fill(1), [1, 3, 32, 16], 'cpu');
  const logitsOf = async (...edits: WeightEdit[]): Promise<unknown> => {
    using logits = (await model.network.run(images, { edits })).logits;
    return await logits.data();
  };
  // Half of the filters each, since a single one may change no output: ReLU can clip it with and without the edit.
  const [half, rest] = [0, 32].map((start) => Array.from({ length: 32 }, (_, i) => start + i)) as [
    number[],
    number[],
  ];
  const [first, second, both] = [half, rest, [...half, ...rest]].map(
    (filters) => maskNeurons(at('conv1', ...filters)).edits[0] as WeightEdit,
  ) as [WeightEdit, WeightEdit, WeightEdit];
  const before = await logitsOf();
  expect(await logitsOf(first, second)).toEqual(await logitsOf(both));
  expect(await logitsOf(first)).not.toEqual(await logitsOf(both));
  expect(await logitsOf()).toEqual(before);
});

test('unknown layers and neurons are refused by name', async () => {
  const run = (variant: Variant): Promise<unknown> =>
    evaluateVariants(model, loader, loader.dataset.splits.val, [variant], job);
  await failure(
    run(maskNeurons(at('layer4.1.conv3', 0))),
    'NEURONS_INVALID',
    /no layer of neurons named layer4\.1\.conv3\. The nearest are layer4\.1\.conv1, layer4\.1\.conv2, /,
  );
  await expect(run(maskNeurons(at('conv1', 64)))).rejects.toThrow(
    /conv1 has 64 neurons, and none is numbered 64/,
  );
});

test('the gradient of chunks adds up to that of the whole', async () => {
  const indices = loader.dataset.splits.train.slice(0, 48);
  const whole = await gradientScores(model, loader, indices, { batchSize: 48 });
  const chunks = await gradientScores(model, loader, indices, { batchSize: 20 });
  for (const [i, value] of whole.entries()) {
    expect(Math.abs((chunks[i] ?? 0) - value)).toBeLessThanOrEqual(1e-4 * value + 1e-7);
  }
});

test('an aborted evaluation leaves no tensor behind', async () => {
  const live = await settledTensors();
  const { train } = loader.dataset.splits;
  await stopIn(job.task, (stop) => evaluateModel(model, loader, train, { ...job, ...stop }));
  expect(native().liveTensors()).toBe(live);
});
