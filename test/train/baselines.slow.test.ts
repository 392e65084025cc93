import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { inverseSizes, weightedDraw } from '../../src/data/sampling.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { evaluateModel } from '../../src/metrics/evaluate.js';
import { readSafetensors, writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { imagesOf, SetSampler } from '../../src/train/cnc/contrastiveSets.js';
import {
  train as trainByName,
  trainCnc,
  trainErm,
  trainGroupDro,
  trainJtt,
} from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import type { EpochMetrics, TrainedRun, TrainingResult } from '../../src/train/results.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { contentOf } from '../cli/support.js';
import { failure } from '../data/support.js';
import { stateOf, tinyDominoes } from '../fixtures.js';
import { newModel, settledTensors } from '../networks.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun, stopIn } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const COUNTS = [20, 6, 4, 14];
const base: Omit<ErmOptions, 'out'> = {
  data,
  arch: 'resnet20',
  epochs: 2,
  batchSize: 22,
  lr: 1e-3,
  seed: 3,
  device: 'cpu',
  threads: 1,
  resume: false,
  keepState: true,
};

type Options = Parameters<typeof trainGroupDro>[0] &
  Parameters<typeof trainJtt>[0] &
  Parameters<typeof trainCnc>[0];
const SETS = { anchors: 3, positives: 3, negatives: 4 };
const METHODS: Readonly<Record<string, (options: Options) => Promise<TrainedRun>>> = {
  groupdro: (options) => trainGroupDro({ groupDroStep: 0.5, groupDroAdjustment: 1, ...options }),
  rwy: (options) => trainByName('rwy', { ...options }),
  rwg: (options) => trainByName('rwg', { ...options }),
  suby: (options) => trainByName('suby', { ...options }),
  subg: (options) => trainByName('subg', { ...options }),
  jtt: (options) => trainJtt({ identificationEpochs: 1, upweight: 3, ...options }),
  cnc: (options) => trainCnc({ ...SETS, identificationEpochs: 1, ...options }),
};
const runOf = (name: string): RunFolder => new RunFolder(join(folder, name));

/** The result without its folder, which differs. */
async function train(name: string, options: Partial<Options> = {}): Promise<TrainingResult> {
  const method = METHODS[name];
  if (!method) throw new RangeError(name);
  const { run: _folder, ...result } = await method({ ...base, out: runOf(name).path, ...options });
  return result;
}

const shown = (epoch: EpochMetrics | undefined): readonly number[] => epoch?.train.total ?? [];
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

beforeAll(async () => {
  await tinyDominoes(data, { train: COUNTS });
  await trainErm({ ...base, out: runOf('erm').path, epochs: 1 });
});

test.each(Object.keys(METHODS))(
  '%s trains, keeps its result, and ends the same where it was stopped and resumed',
  async (name) => {
    const live = await settledTensors();
    const result = await train(name);
    expect(result).toMatchObject({ kind: name, epochs: 2 });
    expect(await train(name, { resume: true })).toEqual(result);
    expect((await openRun(runOf(name).path)).config.command).toBe(`train ${name}`);
    const stopped = runOf(`${name}-stopped`);
    await stopIn('epoch 2/2', (options) => train(name, { ...options, out: stopped.path }));
    await train(name, { out: stopped.path, resume: true });
    await expectSameRun(stopped, runOf(name), name);
    expect(native().liveTensors()).toBe(live);
  },
);

describe('an epoch shows', () => {
  test('as many images as the training split has, drawn by the size of their class or group', async () => {
    for (const name of ['rwy', 'rwg', 'groupdro']) {
      const epochs = await runOf(name).readMetrics();
      expect(epochs.map((epoch) => sum(shown(epoch)))).toEqual([44, 44]);
      expect(shown(epochs[0])).not.toEqual(shown(epochs[1]));
    }
    // The first epoch, drawn here: by the size of the class, or of the group.
    const dataset = await loadDataset(data);
    const { splits, groups } = dataset;
    for (const [name, parts] of [
      ['rwy', 'labels'],
      ['rwg', 'groups'],
    ] as const) {
      const generator = new (native().Generator)(base.seed ?? 0);
      // A run draws its model first.
      using _model = await newModel('resnet20', { generator });
      const weights = inverseSizes(splits.train.map((index) => dataset[parts][index] as number));
      const drawn = weightedDraw(splits.train, weights, generator);
      const [first] = await runOf(name).readMetrics();
      const ofGroup = (group: number) => drawn.filter((index) => groups[index] === group).length;
      expect(shown(first)).toEqual(COUNTS.map((_, group) => ofGroup(group)));
    }
  });

  test('the same subset each time, as many of each class or group', async () => {
    const [suby, subg] = [await runOf('suby').readMetrics(), await runOf('subg').readMetrics()];
    for (const [first, second] of [suby, subg]) expect(shown(first)).toEqual(shown(second));
    const [first = 0, second = 0, third = 0, fourth = 0] = shown(suby[0]);
    expect([first + second, third + fourth]).toEqual([18, 18]);
    expect(shown(subg[0])).toEqual([4, 4, 4, 4]);
  });

  test('each error of the identification model three times, and all else once', async () => {
    const { tensors } = await readSafetensors(stateOf(runOf('jtt')));
    const { groups } = await loadDataset(data);
    const errors = [0, 0, 0, 0];
    for (const index of tensors['method.errorSet']?.data ?? []) {
      const group = groups[Number(index)] as number;
      errors[group] = (errors[group] as number) + 1;
    }
    // They are those that its last epoch makes.
    const identification = join(runOf('jtt').path, 'identification');
    using session = await TraceSession.open({ run: identification, seed: 3, device: 'cpu', threads: 1 });
    const { model, loader, dataset } = session;
    const { train: examples } = dataset.splits;
    const { predictions } = await evaluateModel(model, loader, examples, {
      batchSize: 22,
      task: 'identification',
    });
    const wrong = examples.filter((index, i) => predictions[i] !== dataset.labels[index]);
    expect(Array.from(tensors['method.errorSet']?.data ?? [], Number)).toEqual([...wrong]);
    for (const epoch of await runOf('jtt').readMetrics()) {
      expect(shown(epoch)).toEqual(COUNTS.map((count, group) => count + 2 * (errors[group] as number)));
    }
  });
});

test('CnC shows whole sets, about as many images as the training split has', async () => {
  const { tensors } = await readSafetensors(stateOf(runOf('cnc')));
  const { labels, splits } = await loadDataset(data);
  const ofTrain = splits.train.map((index) => labels[index] as number);
  const { sizes } = new SetSampler(ofTrain, tensors['method.predictions']?.data as Int32Array, SETS);
  for (const epoch of await runOf('cnc').readMetrics()) {
    expect(sum(shown(epoch)) % imagesOf(sizes)).toBe(0);
    expect(Math.abs(sum(shown(epoch)) - 44)).toBeLessThan(imagesOf(sizes));
    const { contrast = 0, supervised = 0 } = epoch.lossTerms ?? {};
    expect(epoch.trainLoss).toBeCloseTo(0.75 * contrast + 0.25 * supervised, 5);
  }
});

test('GroupDRO notes its weights of each epoch', async () => {
  const weights = (await runOf('groupdro').readMetrics()).map(({ groupWeights }) => groupWeights ?? []);
  for (const epoch of weights) expect(sum(epoch)).toBeCloseTo(1, 12);
  expect(weights[0]).not.toEqual([0.25, 0.25, 0.25, 0.25]);
  expect(weights[1]).not.toEqual(weights[0]);
});

describe('the identification model of JTT', () => {
  test('is an ERM run of its own, whose last epoch is taken', async () => {
    const { config } = await openRun(join(runOf('jtt').path, 'identification'));
    expect(config).toMatchObject({ command: 'train erm', epochs: 1, select: 'last', lr: base.lr });
  });

  test('goes on where it was stopped', async () => {
    const run = runOf('jtt-identification');
    const abort = new AbortController();
    const settings = { out: run.path, epochs: 1, identificationEpochs: 2 };
    const onEpoch: ErmOptions['onEpoch'] = (_metrics, { stage }) => {
      if (stage === 'identification') abort.abort();
    };
    await failure(train('jtt', { ...settings, signal: abort.signal, onEpoch }), 'INTERRUPTED');
    const identification = new RunFolder(join(run.path, 'identification'));
    expect(await identification.readMetrics()).toHaveLength(1);
    const before = contentOf(identification.path);
    await failure(train('jtt', settings), 'RUN_EXISTS', '`resume`');
    expect(contentOf(identification.path)).toEqual(before);
    await train('jtt', { ...settings, resume: true });
    expect(await identification.readMetrics()).toHaveLength(2);
    expect((await openRun(run.path)).config).toMatchObject({ identificationEpochs: 2, upweight: 3 });
  });

  test('that makes no error is said to', async () => {
    const easy = join(folder, 'easy');
    await tinyDominoes(easy, { train: [2, 1, 1, 2] });
    const out = runOf('jtt-easy').path;
    await failure(
      train('jtt', { data: easy, out, identificationEpochs: 30, batchSize: 8 }),
      'USAGE',
      /`identificationEpochs` is 30.*every training image right.*fewer/s,
    );
  });
});

test.each<[string, string, Partial<Options>, RegExp]>([
  ['a step of 0', 'groupdro', { groupDroStep: 0 }, /`groupDroStep` is 0/],
  ['an adjustment below 0', 'groupdro', { groupDroAdjustment: -1 }, /`groupDroAdjustment` is -1/],
  ['batches smaller than the groups are many', 'groupdro', { batchSize: 3 }, /at least 4/],
  ['no identification', 'jtt', { identificationEpochs: 0 }, /`identificationEpochs` is 0/],
  ['a part of an epoch', 'jtt', { identificationEpochs: 1.5 }, /`identificationEpochs` is 1\.5/],
  ['no weight', 'jtt', { upweight: 0 }, /`upweight` is 0/],
  ['a step of less than a set', 'cnc', { batchSize: 13 }, /`batchSize` is 13.*at least 14/],
  ['contrast alone', 'cnc', { contrastWeight: 1 }, /`contrastWeight` is 1/],
])('%s is refused, and nothing is made', async (_what, name, options, reason) => {
  const out = join(folder, 'refused');
  await failure(train(name, { out, ...options }), 'USAGE', reason);
  expect(existsSync(out)).toBe(false);
});

test.each([
  ['groupdro', 'method.q'],
  ['subg', 'method.subset'],
  ['jtt', 'method.errorSet'],
  ['cnc', 'method.predictions'],
])('a checkpoint of %s without %s is refused', async (name, tensor) => {
  const run = runOf(name);
  const whole = await readFile(stateOf(run));
  const { tensors, metadata } = await readSafetensors(stateOf(run));
  expect(tensors).toHaveProperty([tensor]);
  const { [tensor]: _left, ...others } = tensors;
  await writeSafetensors(stateOf(run), others, metadata);
  try {
    await failure(train(name, { epochs: 3, resume: true }), 'WEIGHTS_INVALID', `${tensor} is missing`);
  } finally {
    await writeFile(stateOf(run), whole);
  }
});
