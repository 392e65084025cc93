import * as z from '../zod.js';
import { centerCrop, resizedSize, type Size } from './geometry.js';
import type { Preprocessing } from './preprocessing.js';
import { pathBelow } from './sourceFile.js';

const fraction = z.number().min(0).max(1);
const positiveFraction = z.number().positive().max(1);

/** Sums such as 0.9 + 0.1 may exceed 1 in the last digits. */
const ROUNDING = 1e-9;

/** Top, left, height and width, fractions of the image. */
const rectangle = z
  .tuple([fraction, fraction, positiveFraction, positiveFraction])
  .refine(([top, left, height, width]) => top + height <= 1 + ROUNDING && left + width <= 1 + ROUNDING, {
    error:
      'the region reaches beyond the image: [top, left, height, width] are fractions of it, so that top + height and left + width are at most 1',
  });
/** [top, left, height, width] as fractions of an image's height and width. */
export type CoreRectangle = Readonly<z.infer<typeof rectangle>>;

/**
 * Where an image shows its class: a rectangle that is the same in every image, or the folder of their masks, relative to the
 * dataset's, which holds for each image a PNG of its path, as bright as a pixel belongs to the core.
 */
export const coreRegionSchema = z.union([rectangle, pathBelow('folder')], {
  error: 'it is neither [top, left, height, width] within the image nor a folder of masks',
});
/** Where images show their class: a rectangle for all, or the folder of each image's mask. */
export type CoreRegion = CoreRectangle | string;

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
