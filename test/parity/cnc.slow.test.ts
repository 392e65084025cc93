import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { createProjectionHead } from '../../src/models/architectures.js';
import { takeData } from '../../src/models/model.js';
import { readSafetensors, type TensorData, writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { ComputeContext } from '../../src/native/context.js';
import { epochOfSets, SetSampler } from '../../src/train/cnc/contrastiveSets.js';
import { trainCnc } from '../../src/train/methods.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { lastOf, stateOf, tinyDominoes } from '../fixtures.js';
import { newModel } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, largest, maxDifference } from './compare.js';
import { askOracle, type Oracle } from './oracle.js';
import { THREADS } from './python.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const settings = { epochs: 2, batchSize: 40, lr: 1e-4, seed: 4 };
const sets = { anchors: 3, positives: 4, negatives: 5 };

interface ReferenceRun {
  readonly shown: readonly (readonly number[])[];
  /** Images, contrast and cross-entropy of each batch. */
  readonly losses: readonly (readonly [number, number, number])[];
  readonly size: number;
  /** How far the contrast of a batch was from the paper's equation, at most. */
  readonly byEquation: number;
}

beforeAll(async () => {
  await tinyDominoes(data, { train: [80, 10, 6, 64] }, 5);
});

test.each(['shared', 'frozen'] as const)(
  'ten steps of CnC and their batches equal plain PyTorch, statistics %s',
  async (statistics) => {
    const run = new RunFolder(join(folder, statistics));
    const own = { ...sets, temperature: 0.1, contrastWeight: 0.75, statistics, identificationEpochs: 1 };
    await trainCnc({
      ...settings,
      ...own,
      data,
      out: run.path,
      arch: 'resnet20',
      device: 'cpu',
      threads: THREADS,
      keepState: true,
    });
    const { tensors } = await readSafetensors(stateOf(run));
    const predictions = join(folder, `${statistics}-predictions.safetensors`);
    await writeSafetensors(predictions, { predictions: tensors['method.predictions'] as TensorData });
    const expected = await askOracle('cnc', { ...settings, ...own, data, predictions });
    const oracle = JSON.parse(expected.printed) as ReferenceRun;
    // Ten steps, with fewer positives or negatives in a set than were asked for.
    expect([oracle.shown.length * oracle.losses.length, oracle.size]).toEqual([10, 17]);
    expectWithin(
      `both sides of a batch against the equation, ${statistics}, difference`,
      oracle.byEquation,
      1e-5,
    );
    expect(await epochs((tensors['method.predictions'] as TensorData).data as Int32Array)).toEqual(
      oracle.shown,
    );
    await compareLoss(expected, own.temperature);

    const images = oracle.losses.reduce((sum, [count]) => sum + count, 0);
    const last = (await run.readMetrics()).at(-1);
    for (const [i, name] of (['contrast', 'supervised'] as const).entries()) {
      const theirs = oracle.losses.reduce((sum, batch) => sum + Number(batch[i + 1]) * batch[0], 0) / images;
      const difference = Math.abs((last?.lossTerms?.[name] ?? Number.NaN) - theirs);
      expectWithin(`${name} of the second epoch, ${statistics}, difference`, difference, 1e-5);
    }
    const weights = (await readSafetensors(lastOf(run))).tensors;
    const worst = largest(weights, (name) => expected(`model.${name}`));
    expectWithin(`weights after ten steps, ${statistics}, max relative difference`, worst, 1e-5);
  },
);

/** The training examples that each epoch shows, drawn as the run draws them: the model first. */
async function epochs(predictions: Int32Array): Promise<number[][]> {
  const { labels, splits } = await loadDataset(data);
  const ofTrain = splits.train.map((index) => labels[index] as number);
  const sampler = new SetSampler(ofTrain, predictions, sets);
  const generator = new (native().Generator)(settings.seed);
  using _model = await newModel('resnet20', { generator });
  return Array.from({ length: settings.epochs }, () => [...epochOfSets(sampler, undefined, generator)]);
}

/** The loss of two sets behind a projection head, and its gradient, against the paper's equation. */
async function compareLoss(expected: Oracle, temperature: number): Promise<void> {
  const addon = native();
  const generator = new addon.Generator(settings.seed);
  const design = { inputs: 64, hidden: 64, outputs: 16 };
  const head = await createProjectionHead(design, generator, new ComputeContext({ device: 'cpu' }));
  using given = await addon.tensor(expected('loss.given').data, [12, 64], 'cpu');
  using projected = (await head.run(given, { grad: true })).logits;
  const rows = {
    anchors: Int32Array.of(0, 6),
    positives: Int32Array.of(1, 2, 7, 8),
    negatives: Int32Array.of(3, 4, 5, 9, 10, 11),
  };
  using value = await addon.supervisedContrast(projected, rows, temperature);
  const difference = Math.abs((await value.item()) - Number(expected('loss.value').data[0]));
  expectWithin('supervised contrastive loss, difference', difference, 1e-6);
  await value.backward();
  const gradients = await takeData(await head.gradients());
  expect(Object.keys(gradients)).toHaveLength(4);
  const worst = largest(gradients, (name) => expected(`loss.grad.${name}`), maxDifference);
  expectWithin('its gradient, max difference', worst, 1e-6);
  head.dispose();
}
