import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withChecksum, withoutChecksum } from '../../src/checksum.js';
import { trainDryRun } from '../../src/cli/dryRun.js';
import { BatchLoader } from '../../src/data/batches.js';
import { loadDataset } from '../../src/data/dataset.js';
import { ARTICLE_PREPROCESSING } from '../../src/data/preprocessing.js';
import { evaluateRun } from '../../src/experiments/evaluateRun.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { native } from '../../src/native/addon.js';
import { writeReport } from '../../src/report/writeReport.js';
import { inputSettings } from '../../src/train/inputSettings.js';
import { adopt, trainDfr, trainErm, trainFinetune } from '../../src/train/methods.js';
import { openRun, RunFolder } from '../../src/train/runFolder.js';
import { preparedAs } from '../../src/train/runModel.js';
import { failure } from '../data/support.js';
import { lastOf, tinyDominoes, tracedRun } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const ARTICLE = { preprocessing: ARTICLE_PREPROCESSING };

beforeAll(async () => {
  await tinyDominoes(data);
});

test('a side is that of a square, but for resize, whose shorter side it is; what is left out is not there', () => {
  expect(inputSettings({}, ARTICLE)).toEqual({});
  expect(inputSettings({ imageSize: 64 }, ARTICLE)).toEqual({ imageSize: [64, 64] });
  const given = { resize: 128, crop: 112, mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] } as const;
  expect(inputSettings(given, ARTICLE)).toEqual({ ...given, crop: [112, 112] });
  expect(inputSettings({ resize: null, crop: null }, ARTICLE)).toEqual({ resize: null, crop: null });
  expect(inputSettings({ resize: [300, 224] }, ARTICLE)).toEqual({ resize: [300, 224] });
});

test.each([
  [{ imageSize: 64, crop: 32 }, '`imageSize` is 64, which crops nothing, and `crop` is given, too'],
  [{ imageSize: 64, resize: 70 }, 'Give `imageSize` alone, or `resize` and `crop`'],
  [
    { resize: 128 },
    '`resize` is 128, and the dataset\u2019s preprocessing then crops 224x224 px, which is more. Give `crop`, too',
  ],
  [{ resize: [256, 200] }, '`resize` is 256x200'],
] as const)('%j is refused', async (given, message) => {
  await failure(() => inputSettings(given, ARTICLE), 'USAGE', message.replace('\u2019', "'"));
});

test('they come before the dataset\u2019s, and random crops have the size that evaluation gives', async () => {
  const dataset = await loadDataset(data);
  const { preprocessing: known } = dataset;
  const preparedBy = (given: Parameters<typeof preparedAs>[0]) => preparedAs(given, dataset).preprocessing;
  expect(preparedBy({})).toEqual(known);
  const [mean, std] = [[0.5, 0.5, 0.5] as [number, number, number], [1, 1, 1] as [number, number, number]];
  expect(preparedBy({ mean, std })).toEqual({ ...known, mean, std });
  expect(preparedBy({ crop: [24, 16] })).toMatchObject({
    resize: known.resize,
    crop: [24, 16],
    viewAugmentation: { randomResizedCrop: { size: [24, 16] } },
  });
  expect(preparedBy({ resize: [40, 20], crop: null })).toMatchObject({
    resize: [40, 20],
    crop: null,
    viewAugmentation: { randomResizedCrop: { size: [40, 20] } },
  });
  expect(preparedBy({ resize: null })).toMatchObject({ resize: null, crop: known.crop });
});

test('where a shorter side alone is given, the input has the images\u2019 own ratio', async () => {
  const dataset = await loadDataset(data);
  const augmentation = { randomResizedCrop: { scale: [0.5, 1], ratio: [1, 1] }, horizontalFlip: 0 } as never;
  const prepared = preparedAs({ resize: 16, crop: null, augmentation }, dataset);
  expect(prepared.preprocessing.viewAugmentation?.randomResizedCrop).not.toHaveProperty('size');
  using loader = await BatchLoader.open(prepared, { device: 'cpu' });
  const [height, width] = loader.sizeOf(0);
  expect(height).toBeGreaterThan(width);
  const expected = [Math.trunc((16 * height) / width), 16];
  expect(loader.inputSize).toEqual(expected);
  const generator = new (native().Generator)(0);
  for (const batches of [
    loader.evaluation(Int32Array.of(0, 1), 2),
    loader.augmented(Int32Array.of(0, 1), 2, generator),
  ]) {
    using batch = await batches.start(2);
    expect(batch.images.shape).toEqual([2, 3, ...expected]);
  }
});

test('a run sees its images so in training, in traces and when it is fine-tuned, and says so', async () => {
  const out = join(folder, 'run');
  const computing = { device: 'cpu', threads: 1 } as const;
  const recipe = { arch: 'resnet20', epochs: 1, batchSize: 42, lr: 1e-3 } as const;
  const input = { resize: [40, 20], crop: [32, 16], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } as const;
  await trainErm({ ...computing, ...recipe, ...input, data, out });
  expect((await openRun(out)).config).toMatchObject(input);
  expect((await new RunFolder(out).readData())?.preprocessing).toMatchObject(input);
  using session = await TraceSession.open({ ...computing, run: out });
  expect(session.loader.dataset.preprocessing).toMatchObject(input);
  using batch = await session.loader.evaluation(Int32Array.of(0), 1).start(1);
  const pixels = (await batch.images.data()) as Float32Array;
  expect([batch.images.shape, Math.max(...pixels) <= 1, Math.min(...pixels) >= -1]).toEqual([
    [1, 3, 32, 16],
    true,
    true,
  ]);
  const tuned = join(folder, 'tuned');
  const tuning = { epochs: 1, batchSize: 30, kickInEpoch: 'selected' } as const;
  await trainFinetune({ ...computing, ...tuning, from: out, out: tuned });
  expect((await openRun(tuned)).config).toMatchObject(input);
  // Other pixels give another model.
  await trainErm({ ...computing, ...recipe, data, out: join(folder, 'other') });
  const weights = await Promise.all(
    [out, join(folder, 'other')].map((run) => readFile(lastOf(new RunFolder(run)))),
  );
  expect(weights[0]?.equals(weights[1] as Buffer)).toBe(false);
});

test('a run that was given the side of the data set\u2019s crop by an earlier version keeps being cropped', async () => {
  const out = join(folder, 'earlier');
  await tracedRun(join(folder, 'earlierData'), out);
  const opened = await openRun(out);
  const path = join(out, 'config.json');
  const file = JSON.parse(withoutChecksum(await readFile(path, 'utf8'))) as { config: object };
  const sized = { ...file, config: { ...file.config, imageSize: [32, 16] } };
  await writeFile(path, withChecksum(JSON.stringify(sized)));
  // Resized to the size and cropped by nothing, as now.
  expect((await openRun(out)).config.imageSize).toEqual([32, 16]);
  const dataPath = join(out, 'data.json');
  const description = JSON.parse(withoutChecksum(await readFile(dataPath, 'utf8'))) as {
    preprocessing: object;
  };
  const cropping = { ...description.preprocessing, resize: [40, 20], crop: [32, 16] };
  await writeFile(dataPath, withChecksum(JSON.stringify({ ...description, preprocessing: cropping })));
  const { config } = await openRun(out);
  expect(config).toEqual({ ...opened.config, resize: [40, 20], crop: [32, 16] });
});

describe('images that dataset.json says nothing of', () => {
  const plain = join(folder, 'plain');
  const dryRun = async (options: object): Promise<{ input?: string; told: string[] }> => {
    const told: string[] = [];
    const onWarning = (text: string): void => void told.push(text);
    const { input } = await trainDryRun({ data: plain, device: 'cpu', ...options }, { onWarning }, 'erm');
    return { ...(input === undefined ? {} : { input }), told };
  };

  beforeAll(async () => {
    await tinyDominoes(plain);
    const path = join(plain, 'dataset.json');
    const { preprocessing: _preprocessing, ...others } = JSON.parse(await readFile(path, 'utf8')) as Record<
      string,
      unknown
    >;
    await writeFile(path, JSON.stringify(others));
  });

  const NORMALIZED = 'mean 0.485,0.456,0.406, std 0.229,0.224,0.225';
  test.each([
    ['resnet18', {}, 'resize 256x256, interpolation bilinear, crop 224x224', '(default)', 98],
    ['resnet20', {}, 'resize none, interpolation bilinear, crop none', '(default)', 0],
    [
      'resnet20',
      { crop: 16 },
      'resize 256x256, interpolation bilinear (default); crop 16x16 (given); ',
      '(default)',
      0,
    ],
    [
      'resnet18',
      { imageSize: 224 },
      'resize 224x224 (given); interpolation bilinear (default); crop none (given); ',
      '(default)',
      0,
    ],
  ])(
    '%s with %j: the line names its input, and a warning the cost of enlarging',
    async (arch, given, size, source, times) => {
      const { input, told } = await dryRun({ arch, ...given });
      expect(input).toMatch(/^Input: images of 32 x 16 px; /);
      expect(input).toContain(size);
      expect(input).toContain(`${NORMALIZED} ${source}.`);
      const cost = `Images of 32 x 16 px are enlarged to 224 x 224 px by default, which takes ${times} times the work. \`imageSize\` 32x16 keeps their size.`;
      expect(told).toEqual(times === 0 ? [] : [cost]);
    },
  );

  test('a run keeps it, and its traces, evaluations and repairs tell it', async () => {
    const out = join(folder, 'small');
    const computing = { device: 'cpu', threads: 1 } as const;
    await trainErm({
      ...computing,
      arch: 'resnet20',
      epochs: 1,
      batchSize: 42,
      mean: [0.5, 0.5, 0.5],
      data: plain,
      out,
    });
    const line =
      'Input: images of 32 x 16 px; resize none, interpolation bilinear, crop none (default); mean 0.5,0.5,0.5 (given); std 0.229,0.224,0.225 (default).';
    const told: string[] = [];
    const onInfo = (text: string): void => void told.push(text);
    (await TraceSession.open({ ...computing, run: out, onInfo }))[Symbol.dispose]();
    await evaluateRun({ ...computing, run: out, onInfo });
    expect(told.filter((text) => text === line)).toHaveLength(2);
    await trainDfr({ ...computing, from: out, out: join(folder, 'small-dfr'), draws: 1, onInfo });
    expect(told.find((text) => text.startsWith('Input') && text !== line)).toBe(
      'Input: images of 32 x 16 px; resize none (as the run that it starts from); interpolation bilinear (default); crop none, mean 0.5,0.5,0.5 (as the run that it starts from); std 0.229,0.224,0.225 (default).',
    );
    expect(await readFile(await writeReport({ run: out }), 'utf8')).toContain(line);
  });
});

test('a given size shows a network the same pixels as the same resize without a crop', async () => {
  const rows: unknown[] = [];
  for (const [name, given] of [
    ['side', { imageSize: [32, 16] }],
    ['resize', { resize: [32, 16], crop: null }],
    ['cropped', { resize: [40, 20], crop: [32, 16] }],
  ] as const) {
    const run = join(folder, `given-${name}`);
    const weights = lastOf(new RunFolder(join(folder, 'run')));
    await adopt({ data, arch: 'resnet20', weights, out: run, device: 'cpu', threads: 1, ...given });
    rows.push((await evaluateRun({ run, rows: true, device: 'cpu', threads: 1 })).rows);
  }
  expect(rows[0]).toEqual(rows[1]);
  expect(rows[0]).not.toEqual(rows[2]);
});
