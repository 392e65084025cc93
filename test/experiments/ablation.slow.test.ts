import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.js';
import type { SetComparisons } from '../../src/experiments/results.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { type TraceOptions, traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import type { NeuronPlace } from '../../src/neurons/neuron.js';
import { meanOutputs } from '../../src/neurons/perturb.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { ermRun, tinyDominoes } from '../fixtures.js';
import { relativeDifference } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const common = { seed: 0, device: 'cpu', threads: 1 };
const asked = { nullDraws: 3, criteria: ['gradient'], topK: [1, 8], repeats: 3 } as const;
const options: TraceOptions = { ...common, ...asked, run };
/** Without random neurons. */
const bare: TraceOptions = { ...options, nullDraws: 0 };

beforeAll(async () => {
  await tinyDominoes(data);
  const recipe = { arch: 'resnet20', epochs: 4, batchSize: 16, lr: 1e-2, select: 'last' } as const;
  await ermRun({ ...common, ...recipe, data, out: run, keepEpochs: [1, 2], resume: false });
  // The best one is kept, too, whichever that is.
  await rm(new RunFolder(run).epoch(3), { recursive: true, force: true });
});

type Weights = (name: string) => Float32Array;

/** Each group's accuracy on the training split after a change of the model's values. */
async function accuracyWith(
  { model, loader, dataset }: TraceSession,
  neurons: readonly NeuronPlace[],
  change: (of: Weights, neuron: NeuronPlace) => void,
): Promise<readonly number[]> {
  const [before, changed] = [await model.stateDict(), await model.stateDict()];
  for (const neuron of neurons) change((name) => changed[name]?.data as Float32Array, neuron);
  await model.loadStateDict(changed);
  const job = { batchSize: 16, task: 'alone' };
  const { accuracies } = await evaluateModel(model, loader, dataset.splits.train, job);
  await model.loadStateDict(before);
  return accuracies.accuracy;
}

test('rewound neurons have the weights that they had in the epoch that was kept', async () => {
  const result = await traceUnstructured({ ...options, perturbation: 'rewind', rewindEpochs: 3 });
  const path = new RunFolder(run).weights(1);
  expect(result).toMatchObject({ seeds: [], rewound: { epochs: 3, epoch: 1 } });
  expect(result.repeats).toBeUndefined();
  const { tensors } = await readSafetensors(path);
  using session = await TraceSession.open({ ...common, run });
  for (const { neurons, accuracy, sigma, changeStd, comparisons } of result.entries) {
    const alone = await accuracyWith(session, neurons, (of, { layer, index }) => {
      const weight = of(`${layer}.weight`);
      const earlier = tensors[`${layer}.weight`]?.data as Float32Array;
      const { shape } = tensors[`${layer}.weight`] ?? { shape: [] };
      const each = weight.length / (shape[0] ?? 0);
      weight.set(earlier.subarray(index * each, (index + 1) * each), index * each);
    });
    expect(accuracy).toEqual(alone);
    expect([sigma, changeStd]).toEqual([null, null]);
    expect((comparisons as SetComparisons)['same-layers']?.groups).toHaveLength(4);
  }
  expect(result.entries.some(({ loss }) => loss.some((value) => value !== 0))).toBe(true);
  const other = await traceUnstructured({ ...bare, perturbation: 'rewind', rewindEpochs: 2 });
  expect(other.rewound).toMatchObject({ epoch: 2 });
  expect(other.rewound?.checkpoint).not.toBe(result.rewound?.checkpoint);
});

test('single weights can be rewound', async () => {
  // Deterministic algorithms, which put_ has none of.
  const single = { ...bare, unit: 'weight', topK: [300], deterministic: true } as const;
  const result = await traceUnstructured({ ...single, perturbation: 'rewind', rewindEpochs: 3 });
  const { tensors } = await readSafetensors(new RunFolder(run).weights(1));
  using session = await TraceSession.open({ ...common, run });
  const [entry] = result.entries;
  const alone = await accuracyWith(session, entry?.neurons ?? [], (of, { layer, index }) => {
    of(`${layer}.weight`)[index] = tensors[`${layer}.weight`]?.data[index] as number;
  });
  expect(entry?.accuracy).toEqual(alone);
  expect(entry?.loss.some((value) => value !== 0)).toBe(true);
});

test('mean-ablated neurons give their mean: a zeroed filter, whose mean batch-norm does not take away', async () => {
  const result = await traceUnstructured({ ...options, perturbation: 'mean' });
  expect(result.seeds).toEqual([]);
  expect(result.rewound).toBeUndefined();
  using session = await TraceSession.open({ ...common, run });
  const means = await session.meanOutputs();
  expect(await session.meanOutputs()).toBe(means);
  for (const { neurons, accuracy, comparisons } of result.entries) {
    const alone = await accuracyWith(session, neurons, (of, neuron) => {
      const { layer, index } = neuron;
      const weight = of(`${layer}.weight`);
      const norm = layer.replace(/conv(\d)$/, 'bn$1').replace(/downsample\.0$/, 'downsample.1');
      const runningMean = of(`${norm}.running_mean`);
      const each = weight.length / runningMean.length;
      weight.fill(0, index * each, (index + 1) * each);
      runningMean[index] = (runningMean[index] as number) - (means[session.position(neuron)] as number);
    });
    expect(accuracy).toEqual(alone);
    expect((comparisons as SetComparisons)['same-layers']?.groups).toHaveLength(4);
  }
  const zeroed = await traceUnstructured({ ...bare, perturbation: 'zero' });
  expect(result.entries.map(({ loss }) => loss)).not.toEqual(zeroed.entries.map(({ loss }) => loss));
});

test('means do not depend on the batches', async () => {
  using session = await TraceSession.open({ ...common, run });
  const { model, loader, dataset } = session;
  const inBatches = (batchSize: number): Promise<Float64Array> =>
    meanOutputs(model, loader, dataset.splits.train, { batchSize });
  expect(relativeDifference(await inBatches(16), await inBatches(33))).toBeLessThanOrEqual(1e-6);
});

test.each<[Pick<TraceOptions, 'rewindEpochs'>, ErrorCode, RegExp]>([
  [
    { rewindEpochs: 1 },
    'RUN_NOT_FOUND',
    /`rewindEpochs` is 1, .* has not kept epoch 3: .*epoch-3\/weights\.safetensors is missing\. Kept: 1, 2, 4\..*`keepEpochs` 3/,
  ],
  [{}, 'USAGE', /`rewindEpochs` is 5, and the traced weights of .* are those of epoch 4/],
  [{ rewindEpochs: 0 }, 'USAGE', /`rewindEpochs` is 0: it takes a whole number of at least 1/],
])('a rewinding by %p is refused', async (given, code, message) => {
  const attempt = traceUnstructured({ ...options, ...given, perturbation: 'rewind' });
  expect((await failure(attempt, code)).message).toMatch(message);
});

test('single weights have no output', async () => {
  const attempt = traceUnstructured({ ...options, unit: 'weight', perturbation: 'mean' });
  const { message } = await failure(attempt, 'USAGE');
  expect(message).toMatch(/`perturbation` is mean, and `unit` is weight/);
});
