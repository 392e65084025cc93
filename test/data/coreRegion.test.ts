import { join } from 'node:path';
import sharp from 'sharp';
import { BatchLoader } from '../../src/data/batches.js';
import { coreCoverage, coverageOf, rectangleMap } from '../../src/data/coreCoverage.js';
import type { CoreRectangle } from '../../src/data/coreRegion.js';
import { loadDataset } from '../../src/data/dataset.js';
import { ARTICLE_PREPROCESSING, type Preprocessing } from '../../src/data/preprocessing.js';
import { heatShare } from '../../src/metrics/heatShare.js';
import { failure, put, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const REGION: CoreRectangle = [0.5, 0.25, 0.25, 0.5];

type Sizing = Pick<Preprocessing, 'resize' | 'crop'>;

/** The loader of a dataset of one image. */
async function loaderOf(image: Buffer, how: Sizing, coreRegion: unknown): Promise<BatchLoader> {
  await put(join(folder(), 'a.png'), image);
  await put(join(folder(), 'metadata.csv'), 'img_id,img_filename,y,split,place\n0,a.png,0,0,0\n');
  const preprocessing = { ...how, mean: [0, 0, 0], std: [1, 1, 1], augmentation: null };
  await put(join(folder(), 'dataset.json'), JSON.stringify({ preprocessing, coreRegion }));
  return BatchLoader.open(await loadDataset(folder()), { device: 'cpu' });
}

/** One image, white in the region and black elsewhere, as a model sees it: [H * W] of brightness from 0 to 1. */
async function seen(
  [height, width]: readonly [number, number],
  how: Sizing,
): Promise<{ pixels: Float32Array; shape: readonly number[] }> {
  const [top, left, high, wide] = REGION;
  const isInside = (y: number, x: number): boolean =>
    y >= top * height && y < (top + high) * height && x >= left * width && x < (left + wide) * width;
  const values = Array.from({ length: height * width }, (_, at) =>
    isInside(Math.floor(at / width), at % width) ? 255 : 0,
  );
  const image = sharp(Buffer.from(values), { raw: { width, height, channels: 1 } }).png();
  using loader = await loaderOf(await image.toBuffer(), how, REGION);
  using batch = await loader.evaluation(Int32Array.of(0), 1).start(1);
  const [, , ...shape] = batch.images.shape;
  const data = (await batch.images.data()) as Float32Array;
  return { pixels: data.slice(0, data.length / 3), shape };
}

test.each<[string, readonly [number, number], Sizing, number]>([
  ['as it is', [64, 32], { resize: null, crop: null }, 0],
  ['cropped by an odd number of pixels', [64, 32], { resize: null, crop: [51, 17] }, 0],
  ['padded by an odd number of pixels', [64, 32], { resize: null, crop: [71, 45] }, 0],
  ['resized and cropped', [160, 120], { resize: [64, 80], crop: [48, 56] }, 3],
  ['resized by its shorter side and cropped', [88, 200], { resize: 66, crop: [61, 97] }, 3],
  ['enlarged and padded', [40, 20], { resize: 40, crop: [96, 64] }, 3],
])('the region of an image %s is where its pixels are', async (_, imageSize, how, blur) => {
  const { pixels, shape } = await seen(imageSize, how);
  const { rows, columns } = coverageOf(REGION, imageSize, how);
  expect([rows.length, columns.length]).toEqual(shape);
  // Resizing blurs the region's edges: near them a pixel may be anything, but not beyond.
  const isSettled = (cover: Float64Array, at: number): boolean =>
    new Set(cover.slice(Math.max(0, at - blur), at + blur + 1)).size === 1;
  const wide = columns.length;
  const settled = [...pixels.keys()].filter(
    (at) => isSettled(rows, Math.floor(at / wide)) && isSettled(columns, at % wide),
  );
  const worst = settled.reduce((most, at) => {
    const cover = (rows[Math.floor(at / wide)] ?? 0) * (columns[at % wide] ?? 0);
    return Math.max(most, Math.abs((pixels[at] ?? Number.NaN) - cover));
  }, 0);
  expect(worst).toBeLessThan(1e-6);
  expect(settled.length).toBeGreaterThan(pixels.length / 4);
  // The blur is even: it moves no brightness over the edges on the whole.
  const inside = rows.reduce((sum, row) => sum + row, 0) * columns.reduce((sum, column) => sum + column, 0);
  const brightness = pixels.reduce((sum, pixel) => sum + pixel, 0);
  expect(Math.abs(brightness / inside - 1)).toBeLessThan(0.01);
});

describe('masks go the way of their images', () => {
  /** The coverage of an image of 64 x 32 px by a mask, as the first one says. */
  async function covered(mask: readonly [number, number], how: Sizing) {
    const white = ([height, width]: readonly [number, number]): Promise<Buffer> =>
      sharp({ create: { width, height, channels: 3, background: 'white' } })
        .png()
        .toBuffer();
    await put(join(folder(), 'masks/a.png'), await white(mask));
    using loader = await loaderOf(await white([64, 32]), how, 'masks');
    for await (const coverage of coreCoverage(loader, Int32Array.of(0), 1, {})) return coverage?.[0]?.length;
    throw new Error('no batch');
  }

  test.each([
    [[64, 32], { resize: null, crop: null }, 64 * 32],
    [[128, 64], { resize: 16, crop: [16, 16] }, 16 * 16],
    [[50, 50], { resize: [24, 16], crop: null }, 24 * 16],
  ] as const)('a mask of %j px, %j', async (mask, how, pixels) => {
    expect(await covered(mask, how as never)).toBe(pixels);
  });

  test.each([
    [[128, 64], { resize: null, crop: [16, 16] }],
    [[64, 64], { resize: 16, crop: null }],
  ] as const)('a mask of %j px, %j, is refused', async (mask, how) => {
    const sizes = `masks/a.png: the mask has ${mask.join(' x ')} px, and its image 64 x 32 px.`;
    await failure(covered(mask, how as never), 'IMAGE_INVALID', sizes);
  });
});

test('the heat\u2019s share counts parts of pixels, and is none where there is no heat', () => {
  const preprocessing = { ...ARTICLE_PREPROCESSING, resize: null, crop: null };
  const region = rectangleMap([0.25, 0, 0.5, 0.5], [2, 2], { preprocessing });
  expect([...region]).toEqual([0.5, 0, 0.5, 0]);
  expect(heatShare([1, 2, 3, 4], region)).toBeCloseTo(0.2, 12);
  expect(heatShare([0, 0, 0, 0], region)).toBeNaN();
});
