import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { native, type BatchOptions } from '../../src/native/addon.js';
import { temporaryFolder } from '../temporary.js';

/** One image of one pixel, and one of 3 x 2 pixels. */
const SINGLE = [200, 100, 50];
const SMALL = Array.from({ length: 18 }, (_, i) => 10 * i);
const path = join(temporaryFolder(), 'pixels');
writeFileSync(path, Buffer.from([...SINGLE, ...SMALL]));

const plain: BatchOptions = {
  ...{ indices: Int32Array.of(0), crops: null, cropSize: null, resize: null, crop: null },
  ...{ mean: [0, 0, 0], std: [1, 1, 1], device: 'cpu', memoryFormat: 'contiguous' },
};

/** Levels of 0 to 255, [N, 3, height, width]. */
async function levels(
  options: Partial<BatchOptions>,
): Promise<{ shape: readonly number[]; values: number[] }> {
  const store = new (native().ImageStore)(
    path,
    21,
    Float64Array.of(0, 3),
    Int32Array.of(1, 3),
    Int32Array.of(1, 2),
  );
  try {
    using batch = await store.batch({ ...plain, ...options });
    const values = Array.from((await batch.data()) as Float32Array, (value) => Math.round(255 * value));
    return { shape: batch.shape, values };
  } finally {
    store.dispose();
  }
}

test('one pixel is resized to many of its color', async () => {
  const { shape, values } = await levels({ resize: [5, 7] });
  expect(shape).toEqual([1, 3, 5, 7]);
  expect(values).toEqual(SINGLE.flatMap((level) => Array.from({ length: 35 }, () => level)));
});

test('an image of its own size is copied, mirrored, and padded to a larger crop', async () => {
  const small = { indices: Int32Array.of(1) };
  const red = (values: readonly number[]): number[] => values.slice(0, values.length / 3);
  expect(red((await levels(small)).values)).toEqual([0, 30, 60, 90, 120, 150]);
  const crops = Int32Array.of(0, 0, 3, 2, 1);
  expect(red((await levels({ ...small, crops })).values)).toEqual([30, 0, 90, 60, 150, 120]);
  // torchvision pads on the right first where the padding is odd; mirrored, on the left.
  expect(red((await levels({ ...small, crop: [3, 3] })).values)).toEqual([0, 30, 0, 60, 90, 0, 120, 150, 0]);
  expect(red((await levels({ ...small, crops, crop: [3, 3] })).values)).toEqual([
    ...[0, 30, 0, 0, 90, 60, 0, 150, 120],
  ]);
});

test.each<[string, Partial<BatchOptions>, RegExp]>([
  [
    'a crop beyond the image',
    { indices: Int32Array.of(1), crops: Int32Array.of(1, 0, 3, 2, 0), cropSize: [4, 4] },
    /a crop of 3 x 2 px at 1, 0 lies outside of an image of 3 x 2 px/,
  ],
  ['a size of nothing', { resize: [0, 4] }, /images cannot be resized to 0 x 4 px/],
  ['an unknown image', { indices: Int32Array.of(2) }, /No image has the index 2/],
  ['statistics of two channels', { mean: [0, 0] }, /Expected three numbers for mean/],
])('%s is refused', async (_what, options, message) => {
  await expect(levels(options)).rejects.toThrow(message);
});
