import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { traceUnstructured } from '../../src/experiments/traceUnstructured.js';
import { readSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import { drawnNeurons, minorityImages, namedNeurons, plantingBatches } from '../../src/train/planting.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { failure } from '../data/support.js';
import { ermRun, lastOf, tinyDominoes } from '../fixtures.js';
import { maxDifference } from '../parity/compare.js';
import { temporaryFolder } from '../temporary.js';
import { expectSameRun, stopIn } from './support.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const base = new RunFolder(join(folder, 'base'));
const planted = new RunFolder(join(folder, 'planted'));
/** Memorizes 4 minority images within a few epochs. */
const settings = {
  from: base.path,
  trainable: ['layer3.0.conv1', 'layer3.1.conv1', 'layer3.2.conv1'],
  minorityPerBatch: 4,
  batchSize: 20,
  lr: 1e-2,
  epochs: 40,
  seed: 1,
  until: 'minority-fitted',
  select: 'last',
  keepEpochs: [0],
  keepState: true,
  device: 'cpu',
  threads: 1,
} as const;

/** The tensors of a weights file that are not those of the run that is started from. */
async function changedIn(path: string, from = base): Promise<string[]> {
  const [own, start] = [await readSafetensors(path), await readSafetensors(lastOf(from))];
  const differs = (name: string): boolean => {
    const [a, b] = [own, start].map(({ tensors }) => tensors[name]?.data);
    return a === undefined || b === undefined || maxDifference(a, b) !== 0;
  };
  return Object.keys(start.tensors).filter(differs);
}

beforeAll(async () => {
  await tinyDominoes(data, { train: [20, 2, 2, 16] });
  const recipe = { arch: 'resnet20', epochs: 2, batchSize: 42, lr: 1e-3, seed: 3, select: 'last' } as const;
  await ermRun({ data, out: base.path, ...recipe, device: 'cpu', threads: 1, resume: false });
  await trainErm({ ...settings, out: planted.path });
});

describe('a planted memory', () => {
  test('ends with the epoch after which every minority image is fitted', async () => {
    const epochs = await planted.readMetrics();
    const result = await planted.readTrainingResult();
    expect(epochs.length).toBeLessThan(settings.epochs);
    expect(epochs.at(-1)).toMatchObject({ fitted: 4, ends: true });
    expect(epochs.slice(0, -1).every(({ fitted, ends }) => (fitted ?? 4) < 4 && ends === false)).toBe(true);
    expect(result).toMatchObject({ ended: true, epochs: epochs.length, bestEpoch: epochs.length });
    const { accuracy } = result?.train ?? {};
    expect([accuracy?.[1], accuracy?.[2]]).toEqual([1, 1]);
  });

  test('starts from the run that it names, with its architecture and data', async () => {
    const { config, environment } = await openRun(planted.path);
    expect(config).toMatchObject({ arch: 'resnet20', precision: 'fp32', trainable: settings.trainable });
    expect([environment.from, environment.data]).toEqual([base.path, data]);
    expect(await changedIn(planted.weights(0))).toEqual([]);
  });

  test('leaves batch-norm and all other weights as they were', async () => {
    expect(await changedIn(lastOf(planted))).toEqual(settings.trainable.map((layer) => `${layer}.weight`));
  });

  test('has neurons that can be rewound to before it', async () => {
    const { epochs = 0 } = (await planted.readTrainingResult()) ?? {};
    const asked = {
      perturbation: 'rewind',
      rewindEpochs: epochs,
      criteria: ['gradient'],
      topK: [192],
      nullDraws: 0,
    } as const;
    const trace = { run: planted.path, ...asked, device: 'cpu', threads: 1 } as const;
    const { rewound } = await traceUnstructured(trace);
    expect(rewound).toMatchObject({ epochs, epoch: 0 });
    const refused = await failure(traceUnstructured({ ...trace, rewindEpochs: epochs + 1 }), 'USAGE');
    expect(refused.expected).toBe(`a whole number from 1 to ${epochs}`);
  });

  test('that was stopped goes on to the same bits, and a finished one has no epoch more', async () => {
    const stopped = new RunFolder(join(folder, 'stopped'));
    const last = (await planted.readMetrics()).length;
    await stopIn(`epoch ${last}/${settings.epochs}`, (stop) =>
      trainErm({ ...settings, ...stop, out: stopped.path }),
    );
    expect((await stopped.readMetrics()).length).toBe(last - 1);
    await trainErm({ ...settings, out: stopped.path, resume: true });
    await expectSameRun(stopped, planted);
    // Its process ended before it wrote the result: it has no epoch more.
    await rm(stopped.result('erm'));
    const warnings: string[] = [];
    const onWarning = (text: string): number => warnings.push(text);
    await trainErm({ ...settings, out: stopped.path, resume: true, onWarning });
    await expectSameRun(stopped, planted);
    expect(warnings).toEqual([]);
  });
});

test('a run that starts from another one has its input, and trains all weights where none are named', async () => {
  const [first, out] = [join(folder, 'normalized'), join(folder, 'same-input')];
  const settings = { epochs: 1, batchSize: 42, lr: 1e-3, device: 'cpu', threads: 1 };
  const input = { resize: [30, 30] as const, mean: [0.4, 0.5, 0.6] as const, std: [0.2, 0.3, 0.4] as const };
  await trainErm({ data, arch: 'resnet20', out: first, ...settings, ...input });
  await trainErm({ from: first, out, ...settings });
  const { config } = await openRun(out);
  expect(config).toMatchObject(input);
  expect((await changedIn(lastOf(new RunFolder(out)), new RunFolder(first))).length).toBeGreaterThan(100);
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

test('each batch has minority images in turn, and shows each other image once', async () => {
  const dataset = await tinyDominoes(join(folder, 'more'));
  using loader = await BatchLoader.open(dataset, { device: 'cpu' });
  const generator = new (native().Generator)(4);
  const minority = minorityImages(dataset);
  const { indices, batchSize } = plantingBatches(loader, { batchSize: 16, minorityPerBatch: 6 }, generator);
  expect([minority.length, batchSize, indices.length]).toEqual([14, 16, 70 + 7 * 6]);
  const isMinority = (index: number): boolean => minority.includes(index);
  const batches = Array.from({ length: 7 }, (_, i) => [...indices.subarray(i * 16, (i + 1) * 16)]);
  for (const batch of batches) {
    expect(batch.map(isMinority)).toEqual([...batch.keys()].map((place) => place < 6));
  }
  const others = [...indices].filter((index) => !isMinority(index));
  expect(new Set(others).size).toBe(70);
  // 42 places for 14 images.
  const counts = [...minority].map((index) => indices.filter((one) => one === index).length);
  expect(counts).toEqual(Array(14).fill(3));
  // More places than images: all of them, in smaller batches.
  const wide = plantingBatches(loader, { batchSize: 40, minorityPerBatch: 20 }, generator);
  expect([wide.batchSize, wide.indices.length]).toEqual([34, 70 + 4 * 14]);
});

test('neurons are named by layer, or one by one', () => {
  const layers = [
    { name: 'conv1', size: 4 },
    { name: 'layer1.0.conv1', size: 3 },
  ];
  const text = (names: string[]): string[] =>
    namedNeurons(names, layers).map(({ layer, index }) => `${layer}:${index}`);
  expect(text(['layer1.0.conv1[2]', 'conv1:3', 'conv1[0]', 'conv1:3'])).toEqual([
    'conv1:0',
    'conv1:3',
    'layer1.0.conv1:2',
  ]);
  expect(text(['layer1.0.conv1', 'layer1.0.conv1:1'])).toHaveLength(3);
  const all = namedNeurons(['conv1', 'layer1.0.conv1'], layers);
  const drawn = drawnNeurons(all, 3, 8);
  expect(drawn).toEqual(drawnNeurons(all, 3, 8));
  expect(drawn).toHaveLength(3);
  expect(all.filter((neuron) => drawn.includes(neuron))).toEqual(drawn);
  const sets = new Set(Array.from({ length: 40 }, (_, seed) => JSON.stringify(drawnNeurons(all, 3, seed))));
  expect(sets.size).toBeGreaterThan(15);
});

describe('what cannot be planted is refused', () => {
  const refused = { ...settings, out: join(folder, 'refused') };

  test.each([
    [
      { trainable: ['layer9.0.conv1'] },
      'NEURONS_INVALID',
      'no layer of neurons named layer9.0.conv1. The nearest',
    ],
    [
      { trainable: ['layer3.0.conv1[64]'] },
      'NEURONS_INVALID',
      'layer3.0.conv1 has 64 neurons, and none is numbered 64',
    ],
    [{ trainableCount: 193 }, 'NEURONS_INVALID', '`trainableCount`'],
    [{ trainable: undefined, trainableCount: 2 }, 'USAGE', '`trainable` names no neurons'],
    [{ weightDecay: 1e-4 }, 'USAGE', 'would change neurons that'],
    [{ minorityPerBatch: 20 }, 'USAGE', 'leaves no room for others in batches of 20'],
    [{ select: 'best-average' }, 'USAGE', 'Choose `select` last'],
    [{ weights: base.weights(1) }, 'USAGE', 'Leave one of them out'],
    [{ from: undefined, arch: 'resnet20' }, 'USAGE', '`data` is missing'],
    [{ from: join(folder, 'nowhere') }, 'RUN_NOT_FOUND', 'holds no trained run'],
  ] as const)('%j', async (changed, code, message) => {
    await failure(trainErm({ ...refused, ...changed }), code, message);
  });

  test('minority images that the data lack', async () => {
    const even = join(folder, 'even');
    await tinyDominoes(even, { train: [20, 20, 20, 20] });
    await failure(trainErm({ ...refused, data: even }), 'USAGE', 'has no training image of a minority group');
  });
});
