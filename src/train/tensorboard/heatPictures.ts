import type { BatchLoader } from '../../data/batches.js';
import { loadSharp } from '../../data/loadSharp.js';
import { inputPixels } from '../../data/pictures.js';
import type { Model } from '../../models/model.js';
import type { BoardPicture } from './events.js';

/** Images of a group. */
const SHOWN = 4;
/** The colour of the highest heat, in red, green and blue, and its weight over the image. */
const HOT = [255, 120, 0] as const;
const OPACITY = 0.7;

/**
 * The first validation images of each group, by the groups' names: the model's inputs above, and below with Grad-CAM's heat for their
 * class over them. None where the model has no layer that Grad-CAM maps.
 */
export async function heatPictures(model: Model, loader: BatchLoader): Promise<Record<string, BoardPicture>> {
  const { mappable, mappedByDefault } = model.description;
  const { dataset } = loader;
  const pictures: Record<string, BoardPicture> = {};
  if (!mappable.includes(mappedByDefault)) return pictures;
  for (const [group, name] of dataset.groupNames.entries()) {
    const indices = dataset.splits.val.filter((index) => dataset.groups[index] === group).slice(0, SHOWN);
    if (indices.length === 0) continue;
    using batch = await loader.evaluation(indices, indices.length).start(indices.length);
    const output = Math.floor(group / dataset.numSpurious);
    using heat = (await model.network.gradCam(batch.images, mappedByDefault, output)).heat;
    pictures[name] = await pictureOf(
      (await batch.images.data()) as Float32Array,
      (await heat.data()) as Float32Array,
      { count: indices.length, size: loader.inputSize, preprocessing: dataset.preprocessing },
    );
  }
  return pictures;
}

/** @param images [N, 3, H, W]; @param heat [N, H, W], each from 0 to 1 */
async function pictureOf(
  images: Float32Array,
  heat: Float32Array,
  {
    count,
    size: [height, width],
    preprocessing,
  }: Pick<BatchLoader['dataset'], 'preprocessing'> & {
    readonly count: number;
    readonly size: readonly [number, number];
  },
): Promise<BoardPicture> {
  const area = height * width;
  const whole = { width: count * width, height: 2 * height };
  const canvas = Buffer.alloc(3 * whole.width * whole.height);
  for (let at = 0; at < count; at += 1) {
    const pixels = inputPixels(images.subarray(3 * at * area, 3 * (at + 1) * area), area, preprocessing);
    const heated = pixels.map((value, i) => {
      const weight = OPACITY * (heat[at * area + Math.floor(i / 3)] as number);
      return Math.round((1 - weight) * value + weight * (HOT[i % 3] as number));
    });
    for (let row = 0; row < height; row += 1) {
      const line = [3 * row * width, 3 * (row + 1) * width] as const;
      canvas.set(pixels.subarray(...line), 3 * (row * whole.width + at * width));
      canvas.set(heated.subarray(...line), 3 * ((height + row) * whole.width + at * width));
    }
  }
  const sharp = await loadSharp();
  const png = await sharp(canvas, { raw: { ...whole, channels: 3 } })
    .png()
    .toBuffer();
  return { png, ...whole };
}
