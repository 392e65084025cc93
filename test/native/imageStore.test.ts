import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { batchPlan, evaluationPlacement } from '../../src/data/geometry.js';
import { native } from '../../src/native/addon.js';
import type { BatchOptions } from '../../src/native/interface.js';
import { temporaryFolder } from '../temporary.js';

/** One image of one pixel, and one of 3 x 2 pixels. */
const SINGLE = [200, 100, 50];
const SMALL = Array.from({ length: 18 }, (_, i) => 10 * i);
const path = join(temporaryFolder(), 'pixels');
writeFileSync(path, Buffer.from([...SINGLE, ...SMALL]));

const IMAGES = [
  [1, 1],
  [3, 2],
] as const;

const plain = {
  interpolation: 'bilinear',
  mean: [0, 0, 0],
  std: [1, 1, 1],
  device: 'cpu',
  memoryFormat: 'contiguous',
} as const;

/** The options of an image with the evaluation preprocessing. */
function evaluated(
  index: 0 | 1,
  chosen: { resize?: [number, number]; crop?: [number, number]; flip?: boolean } = {},
): BatchOptions {
  const { resize = null, crop = null, flip = false } = chosen;
  const placement = evaluationPlacement(IMAGES[index], { resize, crop }, flip);
  return { ...plain, ...batchPlan(Int32Array.of(index), [placement]) };
}

/** A row of placements that copies the second image, with some of its numbers changed. */
function row(changes: Record<number, number>, size: [number, number] = [3, 2]): BatchOptions {
  const placements = Int32Array.of(1, 0, 0, 3, 2, 3, 2, 0, 0, 3, 2, 0, 0, 0);
  for (const [column, value] of Object.entries(changes)) placements[Number(column)] = value;
  return { ...plain, placements, size };
}

/** Levels of 0 to 255, [N, 3, height, width]. */
async function levels(options: BatchOptions): Promise<{ shape: readonly number[]; values: number[] }> {
  const store = new (native().ImageStore)(
    [path],
    Int32Array.of(0, 0),
    Float64Array.of(0, 3),
    Int32Array.of(1, 3),
    Int32Array.of(1, 2),
  );
  try {
    using batch = await store.batch(options);
    const values = Array.from((await batch.data()) as Float32Array, (value) => Math.round(255 * value));
    return { shape: batch.shape, values };
  } finally {
    store.dispose();
  }
}

test('one pixel is resized to many of its color', async () => {
  const { shape, values } = await levels(evaluated(0, { resize: [5, 7] }));
  expect(shape).toEqual([1, 3, 5, 7]);
  expect(values).toEqual(SINGLE.flatMap((level) => Array.from({ length: 35 }, () => level)));
});

test('an image of its own size is copied, mirrored, and padded to a larger crop', async () => {
  const red = async (options: BatchOptions): Promise<number[]> => {
    const { values } = await levels(options);
    return values.slice(0, values.length / 3);
  };
  expect(await red(evaluated(1))).toEqual([0, 30, 60, 90, 120, 150]);
  expect(await red(evaluated(1, { flip: true }))).toEqual([30, 0, 90, 60, 150, 120]);
  expect(await red(row({}))).toEqual([0, 30, 60, 90, 120, 150]);
  // torchvision pads on the right first where the padding is odd; mirrored, on the left.
  const crop: [number, number] = [3, 3];
  expect(await red(evaluated(1, { crop }))).toEqual([0, 30, 0, 60, 90, 0, 120, 150, 0]);
  expect(await red(evaluated(1, { crop, flip: true }))).toEqual([0, 30, 0, 0, 90, 60, 0, 150, 120]);
});

test.each<[string, BatchOptions, RegExp]>([
  [
    'a crop beyond the image',
    row({ 1: 1, 5: 4, 6: 4 }),
    /a crop of 3 x 2 px at 1, 0 lies outside of an image of 3 x 2 px/,
  ],
  ['a crop before the image', row({ 2: -1 }), /a crop of 3 x 2 px at 0, -1 lies outside of an image/],
  ['a crop whose end overflows', row({ 1: 2 ** 31 - 1 }), /a crop of 3 x 2 px at 2147483647, 0 lies outside/],
  ['a size of nothing', evaluated(0, { resize: [0, 4] }), /size is 0 x 4 px for 1 images: a side has 1 to/],
  ['images of nothing', row({ 5: 0 }), /images cannot be resized to 0 x 2 px/],
  ['images beyond any size', row({ 6: 1_000_000_000 }), /images cannot be resized to 3 x 1000000000 px/],
  ['a window of nothing', row({ 10: 0 }), /a window of 3 x 0 px at 0, 0 lies outside of a resized image/],
  [
    'a window beyond the resized image',
    row({ 7: 1 }, [9, 9]),
    /a window of 3 x 2 px at 1, 0 lies outside of a resized image of 3 x 2 px/,
  ],
  [
    'a window beyond the batch',
    row({ 12: 1 }),
    /a window of 3 x 2 px at 0, 1 lies outside of a batch of 3 x 2 px/,
  ],
  ['a batch smaller than the window', row({}, [-3, 2]), /size is -3 x 2 px/],
  ['an unknown image', row({ 0: 2 }), /No image has the index 2/],
  ['half a row', { ...row({}), placements: new Int32Array(13) }, /needs 14 numbers for each of its images/],
  ['no row', { ...row({}), placements: new Int32Array(0) }, /needs 14 numbers for each of its images/],
  ['a change of no image', { ...row({}), changes: Float64Array.of(1, 0, 2) }, /there is no image 1/],
  ['a change that is none', { ...row({}), changes: Float64Array.of(0, 6, 2) }, /no adjustment 6/],
  ['an even blur', { ...row({}), blurKernel: 4 }, /blurKernel is odd, and not 4/],
  ['a batch beyond any memory', row({}, [65536, 65536]), /a batch at most 268435456/],
  ['half a change', { ...row({}), changes: Float64Array.of(0, 0) }, /rows of 3 numbers for changes/],
  [
    'a blur wider than its image',
    { ...row({}), changes: Float64Array.of(0, 5, 1), blurKernel: 7 },
    /[Pp]adding size should be less than the corresponding input dimension/,
  ],
  ['statistics of two channels', { ...row({}), mean: [0, 0] }, /Expected three numbers for mean/],
])('%s is refused', async (_what, options, message) => {
  await expect(levels(options)).rejects.toThrow(message);
});

test.each<[string, number[], RegExp]>([
  ['an image beyond its file', [0, 4, 3, 2], /file/],
  ['an image of no file', [1, 0, 1, 1], /image 0 has 1 x 1 px at byte 0 of file 1/],
  ['an image before its file', [0, -1, 1, 1], /at byte -1 of file 0/],
  ['an image of no height', [0, 0, 0, 1], /image 0 has 0 x 1 px/],
  ['an image of any size', [0, 0, 2 ** 31 - 1, 2 ** 31 - 1], /image 0 has 2147483647 x 2147483647 px/],
])('%s is refused', (_what, [file = 0, offset = 0, height = 0, width = 0], message) => {
  const sizes = [Int32Array.of(height), Int32Array.of(width)] as const;
  expect(
    () => new (native().ImageStore)([path], Int32Array.of(file), Float64Array.of(offset), ...sizes),
  ).toThrow(message);
});
