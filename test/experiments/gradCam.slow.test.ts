import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { loadDataset } from '../../src/data/dataset.js';
import type { ErrorCode } from '../../src/errors.js';
import { gradCam, type GradCamOptions } from '../../src/experiments/gradCam.js';
import { TraceSession } from '../../src/experiments/traceSession.js';
import { meanInterval } from '../../src/metrics/intervals.js';
import { momentsOf } from '../../src/metrics/statistics.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import type { ErmOptions } from '../../src/train/recipe.js';
import { RunFolder } from '../../src/train/runFolder.js';
import { failure, put } from '../data/support.js';
import { recordedIn, tinyDominoes } from '../fixtures.js';
import { settledTensors } from '../networks.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const data = join(folder, 'dominoes');
const common = { seed: 3, device: 'cpu', threads: 0 };
const run = join(folder, 'after');
const compare = join(folder, 'before');
const vit = join(folder, 'vit');
const options: GradCamOptions = { ...common, run, compare, samples: 10, examples: 2 };
const TEST = [12, 12, 8, 12];

beforeAll(async () => {
  await tinyDominoes(data, { train: [24, 8, 5, 16], test: TEST }, undefined, 64);
  const train = (more: Pick<ErmOptions, 'out' | 'arch' | 'seed'> & Partial<ErmOptions>) =>
    trainErm({ ...common, data, epochs: 1, batchSize: 32, lr: 1e-3, resume: false, ...more });
  await train({ out: compare, arch: 'resnet20', seed: 1 });
  await train({ out: run, arch: 'resnet20', seed: 2, epochs: 2 });
  await train({ out: vit, arch: 'vit_tiny_patch16_224', seed: 1, patchSize: 8 });
});

/** The message of the error with which it must end. */
async function refusal(more: Partial<GradCamOptions>, code: ErrorCode): Promise<string> {
  return (await failure(gradCam({ ...options, ...more }), code)).message;
}

/** The share of a map's heat on its lower half, image by image, as one run alone gives it. */
async function sharesAlone(
  path: string,
  indices: Int32Array,
  layer = 'layer3.2.conv2',
  output = 1,
): Promise<number[]> {
  using session = await TraceSession.open({ ...common, run: path });
  const shares: number[] = [];
  for await (const batch of session.loader.evaluation(indices, 7)) {
    using current = batch;
    const maps = await session.model.network.gradCam(current.images, layer, output);
    using tensor = maps.heat;
    const heat = (await tensor.data()) as Float32Array;
    const sum = (from: number, to: number): number =>
      heat.slice(from, to).reduce((total, value) => total + value, 0);
    for (let start = 0; start < heat.length; start += 64 * 32) {
      shares.push(sum(start + 32 * 32, start + 64 * 32) / sum(start, start + 64 * 32));
    }
  }
  return shares;
}

async function pixelsOf(image: string | Buffer): Promise<{ data: Buffer; channels: number }> {
  const bytes = Buffer.isBuffer(image)
    ? image
    : Buffer.from(image.replace(/^data:image\/png;base64,/, ''), 'base64');
  const { data: pixels, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect([info.height, info.width]).toEqual([64, 32]);
  return { data: pixels, channels: info.channels };
}

test('gives each group\u2019s share of the heat on the garment under both runs, on the same images', async () => {
  const live = await settledTensors();
  const result = await gradCam({ ...options, samples: 100 });
  expect(native().liveTensors()).toBe(live);
  expect(result).toMatchObject({
    kind: 'grad-cam',
    split: 'test',
    layer: 'layer3.2.conv2',
    cells: [16, 8],
    output: 1,
    outputName: 'coat',
    coreRegion: [0.5, 0, 0.5, 1],
    before: { run: 'before' },
    after: { run: 'after' },
  });
  expect(result.groups.map(({ images }) => images)).toEqual(TEST);

  using session = await TraceSession.open({ ...common, run });
  const { splits, groups } = session.dataset;
  let changed = 0;
  for (const { group, before, after, difference } of result.groups) {
    const indices = splits.test.filter((index) => groups[index] === group);
    const [old, now] = [await sharesAlone(compare, indices), await sharesAlone(run, indices)];
    const known = (values: readonly number[]): number[] => values.filter((value) => !Number.isNaN(value));
    const expectMean = (found: typeof difference | undefined, values: readonly number[]): void => {
      const shares = known(values);
      expect(found === null).toBe(shares.length === 0);
      if (!found) return;
      expect(found.images).toBe(shares.length);
      expect(found.mean).toBeCloseTo(shares.reduce((sum, value) => sum + value, 0) / shares.length, 5);
      if (shares.length < 2) expect(found.interval).toBeNull();
      else {
        const [low, high] = meanInterval(momentsOf(shares));
        expect(found.interval).toEqual([expect.closeTo(low, 5), expect.closeTo(high, 5)]);
      }
      changed += 1;
    };
    expectMean(before?.share, old);
    expectMean(after.share, now);
    expectMean(
      difference,
      now.map((value, at) => value - (old[at] ?? Number.NaN)),
    );
    expect(before?.blank).toBe(old.length - known(old).length);
    expect(after.blank).toBe(now.length - known(now).length);
  }
  expect(changed).toBeGreaterThan(6);

  const written = recordedIn(new RunFolder(run).result('grad-cam'));
  expect(written).toEqual(result);
  expect(await gradCam({ ...options, samples: 100 })).toEqual(result);
});

test('keeps the first images of each group that were drawn, with their maps', async () => {
  const result = await gradCam(options);
  expect(result.groups.map(({ images }) => images)).toEqual([10, 10, 8, 10]);
  expect(result.examples.map(({ group }) => group)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  using session = await TraceSession.open({ ...common, run });
  for (const { filename, image, after, before } of result.examples) {
    const seen = await pixelsOf(image);
    const file = await pixelsOf(await readFile(join(data, filename)));
    expect(seen.data.equals(file.data)).toBe(true);

    const index = session.dataset.examples.findIndex((example) => example.filename === filename);
    for await (const batch of session.loader.evaluation(Int32Array.of(index), 1)) {
      using current = batch;
      const maps = await session.model.network.gradCam(current.images, result.layer, result.output);
      using tensor = maps.heat;
      const heat = (await tensor.data()) as Float32Array;
      const grey = await pixelsOf(after.heat);
      for (const [at, value] of heat.entries()) {
        expect(Math.abs((grey.data[at * grey.channels] ?? 0) / 255 - value)).toBeLessThanOrEqual(
          0.5 / 255 + 1e-5,
        );
      }
    }
    await pixelsOf(before?.heat ?? '');
  }
  const other = await gradCam({ ...options, seed: 4 });
  expect(other.examples.map(({ filename }) => filename)).not.toEqual(
    result.examples.map(({ filename }) => filename),
  );
  expect((await gradCam({ ...options, examples: 0 })).examples).toEqual([]);
});

test('maps one run alone, another layer and another output', async () => {
  const asked = { compare: undefined, layer: 'layer2.1.conv1', output: 'pullover' };
  const result = await gradCam({ ...options, ...asked, samples: 100 });
  const { groups, splits } = await loadDataset(data);
  let checked = 0;
  for (const { group, after } of result.groups) {
    const own = splits.test.filter((index) => groups[index] === group);
    const all = await sharesAlone(run, own, 'layer2.1.conv1', 0);
    const shares = all.filter((share) => !Number.isNaN(share));
    if (shares.length === 0) expect(after.share).toBeNull();
    else {
      checked += 1;
      expect(after.share?.mean).toBeCloseTo(shares.reduce((sum, value) => sum + value, 0) / shares.length, 5);
    }
  }
  expect(checked).toBeGreaterThan(0);
  expect(result).toMatchObject({
    before: null,
    layer: 'layer2.1.conv1',
    cells: [32, 16],
    output: 0,
    outputName: 'pullover',
  });
  expect(result.groups.every(({ before, difference }) => before === null && difference === null)).toBe(true);
  expect(result.examples.every(({ before }) => before === null)).toBe(true);
});

test('maps a vision transformer by its last block\u2019s patches', async () => {
  const result = await gradCam({ ...options, run: vit, compare: vit });
  expect(result).toMatchObject({ layer: 'blocks.11.norm1', cells: [8, 4] });
  const heated = result.groups.filter(({ after }) => after.share !== null);
  expect(heated.length).toBeGreaterThan(0);
  // A model compared with itself: the same maps.
  for (const { before, after, difference } of heated) {
    expect(before).toEqual(after);
    expect(difference).toMatchObject({ mean: 0, interval: [0, 0] });
  }
});

test('refuses what the runs do not have, and says what they have', async () => {
  const layer = await refusal({ layer: 'layer3.2.conv3' }, 'USAGE');
  expect(layer).toContain('`layer` is "layer3.2.conv3"');
  expect(layer).toMatch(/most similar: layer3\.\d\.conv\d/);
  expect(layer).toContain('layer3.2.conv2');
  const norm = await refusal({ run: vit, compare: undefined, layer: 'blocks.11.norm2' }, 'USAGE');
  expect(norm).toContain('blocks.11.norm1');
  expect(await refusal({ compare: vit }, 'USAGE')).toContain(`vit_tiny_patch16_224 of ${vit} has no`);
  expect(await refusal({ output: 2 }, 'USAGE')).toMatch(/`output` is 2:.* 0 \(pullover\), 1 \(coat\)/);
  expect(await refusal({ samples: 0 }, 'USAGE')).toContain('`samples` is 0');
  expect(await refusal({ examples: -1 }, 'USAGE')).toContain('`examples` is -1');
  expect(await refusal({ compare: join(folder, 'none') }, 'RUN_NOT_FOUND')).toContain(join(folder, 'none'));
});

test('refuses a run on other data or with another image size', async () => {
  const other = join(folder, 'other');
  const otherRun = join(folder, 'other-run');
  await tinyDominoes(other, { train: [8, 4, 4, 8] });
  const small = { ...common, epochs: 1, batchSize: 8, lr: 1e-3, resume: false };
  await trainErm({ ...small, data: other, out: otherRun, arch: 'resnet20' });
  const message = await refusal({ compare: otherRun }, 'USAGE');
  expect(message).toContain(`\`compare\` ${otherRun} was trained on another dataset than \`run\` ${run}`);

  const large = join(folder, 'large');
  const vitOf64 = { arch: 'vit_tiny_patch16_224', imageSize: [64, 32], patchSize: 16 } as const;
  await trainErm({ ...small, ...vitOf64, data: other, out: large });
  expect(await refusal({ run: otherRun, compare: large }, 'USAGE')).toMatch(/64 x 32 px.* 32 x 16 px/);
});

test('masks of the lower half give the shares of that region', async () => {
  const rectangle = await gradCam(options);
  const path = join(data, 'dataset.json');
  const whole = await readFile(path, 'utf8');
  await writeFile(path, whole.replace(/"coreRegion": \[[^\]]*\]/, '"coreRegion": "lower"'));
  const half = Buffer.from(Array.from({ length: 64 * 32 }, (_, at) => (at < 32 * 32 ? 0 : 255)));
  const mask = await sharp(half, { raw: { width: 32, height: 64, channels: 1 } })
    .png()
    .toBuffer();
  try {
    await expect(gradCam(options)).rejects.toThrow(/lower\/.*\.png: the image file is missing/);
    for (const { filename } of (await loadDataset(data)).examples)
      await put(join(data, 'lower', filename), mask);
    const live = await settledTensors();
    const masked = await gradCam(options);
    expect(native().liveTensors()).toBe(live);
    expect(masked.coreRegion).toBe('lower');
    for (const [group, { before, after, core }] of masked.groups.entries()) {
      expect(core).toBeCloseTo(0.5, 6);
      for (const [found, wanted] of [
        [before, rectangle.groups[group]?.before],
        [after, rectangle.groups[group]?.after],
      ] as const) {
        expect(found?.share?.mean).toBeCloseTo(wanted?.share?.mean ?? Number.NaN, 6);
      }
    }
  } finally {
    await writeFile(path, whole);
  }
});

test('without a core region there are maps and no shares, and it says so', async () => {
  const path = join(data, 'dataset.json');
  const whole = await readFile(path, 'utf8');
  const warnings: string[] = [];
  await writeFile(path, whole.replace(/,\s*"coreRegion": \[[^\]]*\]/, ''));
  try {
    const result = await gradCam({ ...options, onWarning: (text) => warnings.push(text) });
    expect(result.coreRegion).toBeNull();
    for (const { before, after, difference } of result.groups) {
      expect([before?.share, after.share, difference]).toEqual([null, null, null]);
    }
    expect(result.examples).toHaveLength(8);
    expect(result.examples[0]?.after).toMatchObject({ share: null });
    expect(warnings).toEqual([
      expect.stringMatching(/no shares.*"coreRegion": \[top, left, height, width\]/),
    ]);
  } finally {
    await writeFile(path, whole);
  }
});

test('a stopped job leaves no tensor behind', async () => {
  const live = await settledTensors();
  const abort = new AbortController();
  const onProgress = (): void => {
    abort.abort();
  };
  const job = { batchSize: 4, onProgress, signal: abort.signal };
  expect(await refusal(job, 'INTERRUPTED')).toContain('heat maps of before');
  expect(native().liveTensors()).toBe(live);
});
