import { stat } from 'node:fs/promises';
import { type JobOptions, throwIfAborted } from '../progress.js';
import type { Dataset, Example } from './dataset.js';
import { ofImage, openImage } from './decode.js';
import { readExampleImage } from './exampleImage.js';

/** Properties of an image that need no network, in the order of its values. */
export const IMAGE_PROPERTIES = [
  'brightness',
  'contrast',
  'colour',
  'sharpness',
  'border brightness',
  'aspect',
  'bytes',
] as const;

/** Pixels of the longer side at which properties are measured. */
const SIDE = 128;
/** Pixels of a side, and differing bits of 240, up to which images are near-duplicates. */
const HASH = 16;
const MAX_DIFFERENT = 10;
/** Images that are read at a time. */
const AT_A_TIME = 8;

/** Measures images of a data set, [properties] of [N], and finds the first near-duplicate of each in the list, [N]. Throws `IMAGE_INVALID`. */
export async function imageProperties(
  dataset: Dataset,
  indices: Int32Array,
  { signal, onProgress }: JobOptions,
): Promise<{ readonly columns: readonly Float64Array[]; readonly duplicates: Int32Array }> {
  const columns = IMAGE_PROPERTIES.map(() => new Float64Array(indices.length));
  const hashes = new Array<Uint32Array>(indices.length);
  for (let done = 0; done < indices.length; done += AT_A_TIME) {
    throwIfAborted(signal, 'image properties');
    const read = Array.from(indices.subarray(done, done + AT_A_TIME), async (index, at) => {
      const { values, hash } = await measured(dataset, dataset.examples[index] as Example);
      for (const [j, value] of values.entries()) (columns[j] as Float64Array)[done + at] = value;
      hashes[done + at] = hash;
    });
    await Promise.all(read);
    const total = indices.length;
    const event = { done: Math.min(total, done + AT_A_TIME), total, unit: 'images' };
    onProgress?.({ task: 'image properties', ...event });
  }
  return { columns, duplicates: duplicatesOf(hashes) };
}

function measured(dataset: Dataset, example: Example): Promise<{ values: number[]; hash: Uint32Array }> {
  return readExampleImage(dataset, example, (path) =>
    ofImage(path, async () => {
      const image = (await openImage(path)).removeAlpha().toColourspace('srgb');
      const { width, height } = await image.metadata();
      const limits = { width: SIDE, height: SIDE, fit: 'inside', withoutEnlargement: true } as const;
      const { data, info } = await image.clone().resize(limits).raw().toBuffer({ resolveWithObject: true });
      const { size } = await stat(path);
      const small = await image.clone().greyscale().resize(HASH, HASH, { fit: 'fill' }).raw().toBuffer();
      return { values: [...pixelValues(data, info), width / height, size], hash: hashOf(small) };
    }),
  );
}

/** Brightness, contrast, colour, sharpness and brightness of the border, of pixels from 0 to 255. */
function pixelValues(
  data: Uint8Array,
  { width, height, channels }: { readonly width: number; readonly height: number; readonly channels: number },
): number[] {
  const grey = new Float64Array(width * height);
  let [colour, border, ofBorder] = [0, 0, 0];
  for (let at = 0; at < grey.length; at += 1) {
    const own = data.subarray(at * channels, at * channels + 3);
    const [red = 0, green = red, blue = red] = channels === 1 ? [own[0]] : own;
    grey[at] = 0.299 * red + 0.587 * green + 0.114 * blue;
    colour += Math.max(red, green, blue) - Math.min(red, green, blue);
    const [x, y] = [at % width, Math.floor(at / width)];
    if (Math.min(x, y, width - 1 - x, height - 1 - y) < Math.max(1, SIDE / 32)) {
      border += grey[at] as number;
      ofBorder += 1;
    }
  }
  const brightness = grey.reduce((sum, value) => sum + value, 0) / grey.length;
  const contrast = Math.sqrt(grey.reduce((sum, value) => sum + (value - brightness) ** 2, 0) / grey.length);
  let edges = 0;
  for (let at = 1; at < grey.length; at += 1) {
    if (at % width > 0) edges += Math.abs((grey[at] as number) - (grey[at - 1] as number));
  }
  return [brightness, contrast, colour / grey.length, edges / grey.length, border / ofBorder];
}

/** Whether each pixel of a small image is brighter than its left neighbour (dHash), as bits. */
function hashOf(pixels: Uint8Array): Uint32Array {
  const bits = new Uint32Array((HASH * HASH) / 32);
  for (let at = 1; at < HASH * HASH; at += 1) {
    if (at % HASH > 0 && (pixels[at] as number) > (pixels[at - 1] as number) + 2) {
      bits[at >> 5] = (bits[at >> 5] as number) | (1 << (at & 31));
    }
  }
  return bits;
}

/** The first image in the list of which each is a near-duplicate: itself if there is none. */
function duplicatesOf(hashes: readonly Uint32Array[]): Int32Array {
  const first = Int32Array.from(hashes.keys());
  for (const [i, hash] of hashes.entries()) {
    for (let j = 0; j < i && first[i] === i; j += 1) {
      if (first[j] !== j) continue;
      const other = hashes[j] as Uint32Array;
      let different = 0;
      for (let word = 0; word < hash.length && different <= MAX_DIFFERENT; word += 1) {
        different += ones((hash[word] as number) ^ (other[word] as number));
      }
      if (different <= MAX_DIFFERENT) first[i] = j;
    }
  }
  return first;
}

/** The number of ones among 32 bits. */
function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
