import { join } from 'node:path';
import type { SetComparisons } from '../../src/experiments/results.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { traceStructured } from '../../src/experiments/traceStructured.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import type { Unit } from '../../src/native/interface.js';
import type { CriterionName } from '../../src/neurons/criteria.js';
import { maskNeurons } from '../../src/neurons/perturb.js';
import { trainErm } from '../../src/train/methods.js';
import { tinyDominoes } from '../fixtures.js';
import { whilePerturbed } from '../perturbed.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const run = join(folder, 'run');
const compute = { seed: 0, device: 'cpu', threads: 0 };
const common = { ...compute, run };
/** Every block has these layers of neurons; the patch embedding has none. */
const BLOCK = ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'];

beforeAll(async () => {
  await tinyDominoes(data, { train: [12, 6, 4, 8] });
  await trainErm({
    ...compute,
    data,
    out: run,
    arch: 'vit_tiny_patch16_224',
    patchSize: 8,
    epochs: 1,
    batchSize: 16,
    lr: 1e-3,
    resume: false,
  });
});

test.each<[Unit, CriterionName, number]>([
  ['neuron', 'magnitude', 12 * (3 + 1 + 4 + 1) * 192],
  ['weight', 'gradient', 12 * (3 + 1 + 4 + 4) * 192 * 192],
])('zeroing a %s of each layer by %s is what zeroing it alone gives', async (unit, criterion, units) => {
  const nullDraws = 0;
  const result = await traceStructured({ ...common, unit, nullDraws, criteria: [criterion], topK: [3] });
  expect(result).toMatchObject({ unit, numNeurons: units });
  expect(result.layers).toEqual(
    Array.from({ length: 12 }, (_, block) => BLOCK.map((layer) => `blocks.${block}.${layer}`)).flat(),
  );
  expect(result.entries).toHaveLength(4 * 48);

  using session = await TraceSession.open({ ...common, unit });
  const { model, loader, dataset } = session;
  for (const entry of result.entries.filter((_, i) => i % 41 === 0)) {
    expect(entry.neurons.every(({ layer }) => layer === entry.layer)).toBe(true);
    const alone = await whilePerturbed(model, maskNeurons(entry.neurons, unit).edits, () =>
      evaluateModel(model, loader, dataset.splits.train, { batchSize: 16, task: 'alone' }),
    );
    expect(entry.accuracy).toBe(alone.accuracies.accuracy[entry.group]);
  }
});

test('the rows of the whole network with the largest gradient can be perturbed', async () => {
  const result = await traceUnstructured({
    ...common,
    nullDraws: 2,
    criteria: ['gradient'],
    topK: [1, 2],
    perturbation: 'reinit',
    sigmas: [0.005],
    repeats: 2,
  });
  expect(result.entries).toHaveLength(4 * 2);
  for (const { neurons, change, comparisons } of result.entries) {
    expect(neurons.every(({ layer }) => /^blocks\.\d+\./.test(layer))).toBe(true);
    expect(change.every(Number.isFinite)).toBe(true);
    expect((comparisons as SetComparisons)['same-layers']?.groups).toHaveLength(4);
  }
});
