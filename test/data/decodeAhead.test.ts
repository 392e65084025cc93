import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { buildImageStore, openImageStore } from '../../src/data/imageStore.js';
import { native } from '../../src/native/addon.js';
import { trainErm } from '../../src/train/methods.js';
import { tinyDominoes } from '../fixtures.js';
import { temporaryFolder } from '../temporary.js';
import { failure, patternImage, put, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const LEFT = ['KEY.index.json', 'KEY.pixels'];

function stored(dataset: Dataset): string[] {
  return readdirSync(join(dataset.folder, '.spurmem'))
    .map((name) => name.replace(/^[0-9a-f]{64}/, 'KEY'))
    .sort();
}

/** A dataset of so many files with the same few images, the last of which sharp decodes. */
async function manyImages(count: number): Promise<Dataset> {
  const images = [
    await patternImage(20, 30, 1).png().toBuffer(),
    await patternImage(31, 17, 2).jpeg().toBuffer(),
    await patternImage(9, 40, 3).webp({ lossless: true }).toBuffer(),
  ];
  const names = Array.from({ length: count }, (_, i) => `${i}.img`);
  for (const [i, name] of names.entries()) await put(join(folder(), name), images[i % 3] as Buffer);
  const rows = names.map((name, i) => `${name},${i & 1},${i % 10 === 9 ? 1 : 0},0`);
  await put(join(folder(), 'metadata.csv'), ['img_filename,y,split,place', ...rows, ''].join('\n'));
  const preprocessing = { resize: [16, 16], crop: null, mean: [0, 0, 0], std: [1, 1, 1], augmentation: null };
  await put(join(folder(), 'dataset.json'), JSON.stringify({ preprocessing }));
  return loadDataset(folder());
}

test('images are there before all are decoded, those first that are asked for', async () => {
  const dataset = await manyImages(2000);
  const done: number[] = [];
  const onProgress = (event: { done: number }) => done.push(event.done);
  const { index, decoding, finished } = await openImageStore(dataset, { onProgress });
  decoding?.prefer(Int32Array.of(1997, 1998, 1999, 1997));
  await decoding?.ready(Int32Array.of(1997, 1998, 1999));
  decoding?.show();
  // The images of jobs that had begun, and of these.
  expect(done).toHaveLength(1);
  expect(done[0]).toBeLessThan(1500);
  const early = readFileSync(index.pixelsPath);
  const whole = await finished;
  expect(done.at(-1)).toBe(2000);
  expect(stored(dataset)).toEqual(LEFT);
  const pixels = readFileSync(whole.pixelsPath);
  const from = index.offsets[1997] as number;
  expect(early.subarray(from)).toEqual(pixels.subarray(from));
  expect(early).toHaveLength(pixels.length);

  // Decoded at once, it is the same store.
  rmSync(join(dataset.folder, '.spurmem'), { recursive: true });
  const again = await buildImageStore(dataset);
  expect(again).toEqual(whole);
  expect(readFileSync(again.pixelsPath).equals(pixels)).toBe(true);
  expect((await openImageStore(dataset)).decoding).toBeUndefined();
}, 60_000);

test('batches are the same, whenever their images are decoded', async () => {
  const dataset = await manyImages(600);
  const batches = async (ahead: boolean): Promise<Buffer[]> => {
    rmSync(join(dataset.folder, '.spurmem'), { recursive: true, force: true });
    await using loader = await BatchLoader.open(dataset, { device: 'cpu', ahead });
    const all: Buffer[] = [];
    const generator = new (native().Generator)(3);
    const { train, val } = dataset.splits;
    for (const pass of [loader.training(train, 32, generator), loader.evaluation(val, 32)]) {
      for await (const batch of pass) {
        using current = batch;
        all.push(Buffer.from(((await current.images.data()) as Float32Array).buffer));
      }
    }
    await loader.decoded();
    return all;
  };
  expect((await batches(true)).map((batch) => batch.toString('base64'))).toEqual(
    (await batches(false)).map((batch) => batch.toString('base64')),
  );
});

test('a loader that is closed early leaves nothing behind', async () => {
  const dataset = await manyImages(1500);
  {
    await using loader = await BatchLoader.open(dataset, { device: 'cpu', ahead: true });
    using batch = await loader.evaluation(Int32Array.of(1000, 1), 2).start(2);
    expect(batch.images.shape).toEqual([2, 3, 16, 16]);
  }
  expect(stored(dataset)).toEqual([]);
  expect((await buildImageStore(dataset)).heights).toHaveLength(1500);
});

test('a damaged image is named by the batch that waits, and by the end', async () => {
  const dataset = await manyImages(300);
  await truncate(join(folder(), '291.img'), 100);
  await using loader = await BatchLoader.open(dataset, { device: 'cpu', ahead: true });
  const named = [join(folder(), '291.img'), `${dataset.table}:293`];
  await failure(loader.evaluation(Int32Array.of(291), 1).start(1), 'IMAGE_INVALID', ...named);
  await failure(loader.decoded(), 'IMAGE_INVALID', ...named);
  // No pixels of others either, once it is known.
  await failure(loader.evaluation(Int32Array.of(0), 1).start(1), 'IMAGE_INVALID', ...named);
  expect(stored(dataset)).toEqual([]);
});

describe('A run whose images are decoded while it trains', () => {
  const place = temporaryFolder();

  test('stops in its first epoch where one is damaged, and goes on to the same bits once it is whole', async () => {
    const dataset = await tinyDominoes(join(place, 'data'));
    const recipe = { arch: 'resnet20', epochs: 2, batchSize: 32, lr: 1e-3, seed: 0 } as const;
    const settings = { ...recipe, data: dataset.folder, device: 'cpu', threads: 1 } as const;
    await trainErm({ ...settings, out: join(place, 'whole') });
    rmSync(join(dataset.folder, '.spurmem'), { recursive: true });

    const { filename } = dataset.examples[dataset.splits.test[0] as number] as { filename: string };
    const path = join(dataset.folder, filename);
    const content = await readFile(path);
    await writeFile(path, content.subarray(0, content.length - 20));
    const out = join(place, 'run');
    await failure(trainErm({ ...settings, out }), 'IMAGE_INVALID', path);
    await writeFile(path, content);
    await trainErm({ ...settings, out, resume: true });
    for (const name of ['checkpoints/best.safetensors', 'checkpoints/last.safetensors']) {
      expect(readFileSync(join(out, name)).equals(readFileSync(join(place, 'whole', name)))).toBe(true);
    }
    expect(stored(dataset)).toEqual(LEFT);
  });
});
