import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { dataDescriptionSchema, describeData } from '../../src/data/dataDescription.js';
import { decodeRgb } from '../../src/data/decode.js';
import { tinyDominoes } from '../fixtures.js';
import { photoLike } from '../photos.js';
import { failure, put, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

const counts = { train: [9, 2, 5, 6], val: [1, 2, 1, 1], test: [1, 1, 3, 1] };
const dominoes = () => tinyDominoes(join(folder(), 'dominoes'), counts, 0, 64);

test('a description holds what a run keeps of its data', async () => {
  const dataset = await dominoes();
  const description = await describeData(dataset);
  expect(description).toMatchObject({
    name: 'dominoes',
    fingerprint: dataset.fingerprint,
    targetNames: ['pullover', 'coat'],
    spuriousNames: ['digit 0', 'digit 1'],
    groupNames: ['pullover, digit 0', 'pullover, digit 1', 'coat, digit 0', 'coat, digit 1'],
    minorityGroups: [1],
    counts,
    coreRegion: [0.5, 0, 0.5, 1],
  });
  expect(description.samples.map(({ images }) => images.length)).toEqual([4, 2, 4, 4]);
  expect(dataDescriptionSchema.parse(JSON.parse(JSON.stringify(description)))).toEqual(description);
});

test('a description shows each group\u2019s first training images, their pixels enlarged', async () => {
  const dataset = await dominoes();
  const { samples } = await describeData(dataset);
  const index = [...dataset.splits.train].filter((example) => dataset.groups[example] === 2)[1] ?? -1;
  const { pixels } = await decodeRgb(join(dataset.folder, dataset.examples[index]?.filename ?? ''));
  const shown = samples[2]?.images[1];
  expect(shown).toMatchObject({ width: 64, height: 128 });
  const { data, info } = await sharp(Buffer.from(shown?.dataUri.split(',')[1] ?? '', 'base64'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([64, 128, 3]);
  for (let y = 0; y < 128; y++) {
    for (let x = 0; x < 64; x++) {
      const source = ((y >> 1) * 32 + (x >> 1)) * 3;
      expect(data[(y * 64 + x) * 3]).toBe(pixels[source]);
    }
  }
});

test.each([
  ['', 0],
  [' with stray bytes between its markers, as training reads it', 3],
])('a photograph%s is shown as a small JPEG', async (_what, stray) => {
  const dataset = await dominoes();
  const example = dataset.examples[dataset.splits.train[0] ?? -1];
  const jpeg = await photoLike(300, 400).jpeg().toBuffer();
  const scan = jpeg.indexOf(Buffer.from([0xff, 0xda]));
  const bytes = Buffer.concat([jpeg.subarray(0, scan), Buffer.alloc(stray), jpeg.subarray(scan)]);
  await put(join(dataset.folder, example?.filename ?? ''), bytes);
  const { samples } = await describeData(dataset);
  const shown = samples[example?.group ?? -1]?.images[0];
  expect(shown).toMatchObject({ width: 171, height: 128 });
  expect(shown?.dataUri).toMatch(/^data:image\/jpeg;base64,/);
  expect(shown?.dataUri.length).toBeLessThan(16_000);
});

test.each<[string, (path: string) => Promise<void>]>([
  ['missing', (path) => rm(path)],
  ['damaged', (path) => put(path, 'no image')],
])('a description names a sample image that is %s', async (_, spoil) => {
  const dataset = await dominoes();
  const example = dataset.examples[dataset.splits.train[0] ?? -1];
  const path = join(dataset.folder, example?.filename ?? '');
  await spoil(path);
  const line = `${dataset.table}:${example?.line ?? 0}`;
  await failure(describeData(dataset), 'IMAGE_INVALID', `${path}: `, line);
});
