import { join } from 'node:path';
import { SpurmemError } from '../errors.js';
import type { JobOptions } from '../progress.js';
import { BatchLoader } from './batches.js';
import type { CoreRectangle } from './coreRegion.js';
import type { Dataset, Example } from './dataset.js';
import { requireInside } from './exampleImage.js';
import { centerCrop, resizedSize, type Size } from './geometry.js';
import type { Preprocessing } from './preprocessing.js';

/** How much of each pixel of a model's input lies in the core region, from 0 to 1: [H * W] in row-major order. */
export type Coverage = ArrayLike<number>;

/**
 * The coverage of images by the dataset's core region, batch by batch like `loader.evaluation`; none if the dataset has no such
 * region. Throws `IMAGE_INVALID` naming a mask that is missing or damaged.
 */
export async function* coreCoverage(
  loader: BatchLoader,
  indices: Int32Array,
  batchSize: number,
  job: JobOptions,
): AsyncGenerator<readonly Coverage[] | undefined, void, void> {
  const { coreRegion } = loader.dataset;
  if (typeof coreRegion === 'string') yield* maskCoverage(loader, coreRegion, indices, batchSize, job);
  else if (coreRegion === null) for (;;) yield undefined;
  else yield* rectangleCoverage(loader, coreRegion, indices, batchSize);
}

function* rectangleCoverage(
  loader: BatchLoader,
  region: CoreRectangle,
  indices: Int32Array,
  batchSize: number,
): Generator<Coverage[], void, void> {
  const known = new Map<string, Coverage>();
  const ofImage = (index: number): Coverage => {
    const size = loader.sizeOf(index);
    const map = known.get(size.join()) ?? rectangleMap(region, size, loader.dataset);
    known.set(size.join(), map);
    return map;
  };
  for (let from = 0; from < indices.length; from += batchSize) {
    yield Array.from(indices.subarray(from, from + batchSize), ofImage);
  }
}

/**
 * Follows a rectangle through the evaluation preprocessing (resize, then centre crop, as torchvision does them) to the pixels of
 * the model's input.
 *
 * @param imageSize of the image in pixels
 * @returns how much of each row and column of the input lies in the region, from 0 to 1: [H] and [W]
 */
export function coverageOf(
  [top, left, height, width]: CoreRectangle,
  imageSize: Size,
  { resize, crop }: Pick<Preprocessing, 'resize' | 'crop'>,
): { readonly rows: Float64Array; readonly columns: Float64Array } {
  const resized = resizedSize(imageSize, resize);
  const cover = (start: number, length: number, axis: 0 | 1): Float64Array => {
    const size = resized[axis];
    const shown = crop?.[axis] ?? size;
    const kept = centerCrop(size, shown);
    const from = start * size + kept.place - kept.start;
    const to = from + length * size;
    return Float64Array.from({ length: shown }, (_, pixel) =>
      Math.min(1, Math.max(0, Math.min(to, pixel + 1) - Math.max(from, pixel))),
    );
  };
  return { rows: cover(top, height, 0), columns: cover(left, width, 1) };
}

/** The share of every pixel that lies in a rectangle. */
export function rectangleMap(
  region: CoreRectangle,
  imageSize: Size,
  { preprocessing }: Pick<Dataset, 'preprocessing'>,
): Float64Array {
  const { rows, columns } = coverageOf(region, imageSize, preprocessing);
  return Float64Array.from({ length: rows.length * columns.length }, (_, at) => {
    const [y, x] = [Math.floor(at / columns.length), at % columns.length];
    return (rows[y] as number) * (columns[x] as number);
  });
}

/** Masks are preprocessed like their images: with mean 0 and deviation 1, a channel is the coverage. */
async function* maskCoverage(
  images: BatchLoader,
  masks: string,
  indices: Int32Array,
  batchSize: number,
  job: JobOptions,
): AsyncGenerator<Coverage[], void, void> {
  const { dataset, context } = images;
  const folder = join(dataset.folder, masks);
  await requireInside(dataset, folder);
  const ofMasks: Dataset = {
    ...dataset,
    folder,
    examples: Array.from(indices, (index) => {
      const example = dataset.examples[index] as Example;
      return { ...example, filename: example.filename.replace(/\.[^./]*$/, '.png') };
    }),
    preprocessing: { ...dataset.preprocessing, mean: [0, 0, 0], std: [1, 1, 1] },
  };
  using loader = await BatchLoader.open(ofMasks, {
    ...job,
    context: context.withMemoryFormat('contiguous'),
  });
  for (const [at, index] of indices.entries()) requireSameSize(loader, at, images.sizeOf(index));
  for await (const batch of loader.evaluation(Int32Array.from(indices.keys()), batchSize)) {
    using current = batch;
    const [, channels = 0, height = 0, width = 0] = current.images.shape;
    const data = (await current.images.data()) as Float32Array;
    const size = height * width;
    yield Array.from(current.indices, (_, at) =>
      data.subarray(at * channels * size, at * channels * size + size),
    );
  }
}

/** Throws `IMAGE_INVALID` if the evaluation's resize gives a mask and its image different sizes. */
function requireSameSize(masks: BatchLoader, mask: number, image: Size): void {
  const { folder, examples, preprocessing } = masks.dataset;
  const size = masks.sizeOf(mask);
  const [ofMask, ofImage] = [size, image].map((one) => resizedSize(one, preprocessing.resize).join(' x '));
  if (ofMask === ofImage) return;
  const path = join(folder, examples[mask]?.filename ?? '');
  const problem = `${path}: the mask has ${size.join(' x ')} px, and its image ${image.join(' x ')} px.`;
  throw new SpurmemError('IMAGE_INVALID', problem, { advice: ['Make the mask anew from that image.'] });
}
