import * as z from '../zod.js';
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
 * dataset's, which holds a PNG for each image, by the image's path: the brighter a pixel, the more of it is core.
 */
export const coreRegionSchema = z.union([rectangle, pathBelow('folder')], {
  error: 'it is neither [top, left, height, width] within the image nor a folder of masks',
});
/** Where images show their class: a rectangle for all, or the folder of each image's mask. */
export type CoreRegion = CoreRectangle | string;
