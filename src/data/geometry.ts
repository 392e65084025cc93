import { SpurmemError } from '../errors.js';
import { type Adjustment, ADJUSTMENTS, type BatchOptions } from '../native/interface.js';
import type { Preprocessing } from './preprocessing.js';

/** Numbers of each image in `BatchOptions.placements`. */
const COLUMNS = 14;

/** [height, width] in pixels. */
export type Size = readonly [number, number];

/** In pixels. */
export interface Rectangle {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** How an image becomes a part of a batch. */
export interface Placement {
  /** The part of the image that is resized. */
  readonly source: Rectangle;
  readonly resized: Size;
  /** The part of the resized image that is kept. */
  readonly window: Rectangle;
  readonly flip: boolean;
  /** The batch's size, of which the window may leave a part zero. */
  readonly size: Size;
  /** Where in it the window lies: top, left. */
  readonly place: readonly [number, number];
  /** Changes of its pixels, applied in order after that. */
  readonly adjustments?: readonly Adjustment[];
}

/** An image with torchvision's `Resize(resize)` and `CenterCrop(crop)`, then a flip of all of it, padding included. */
export function evaluationPlacement(
  image: Size,
  { resize, crop }: Pick<Preprocessing, 'resize' | 'crop'>,
  flip: boolean,
): Placement {
  const resized = resizedSize(image, resize);
  const size = crop ?? resized;
  const rows = centerCrop(resized[0], size[0]);
  const columns = centerCrop(resized[1], size[1]);
  return {
    source: whole(image),
    resized,
    window: { top: rows.start, left: columns.start, height: rows.count, width: columns.count },
    flip,
    size,
    place: [rows.place, flip ? size[1] - columns.place - columns.count : columns.place],
  };
}

/** A crop of an image, resized and then flipped, as torchvision's `RandomResizedCrop` and `RandomHorizontalFlip` do. */
export function cropPlacement(source: Rectangle, size: Size, flip: boolean): Placement {
  return { source, resized: size, window: whole(size), flip, size, place: [0, 0] };
}

/** The plan of a batch of N images, as the addon's image store takes it. Throws `DATASET_INVALID` when their sizes in it differ. */
export function batchPlan(
  indices: Int32Array,
  placements: readonly Placement[],
  nameOf: (index: number) => string = String,
): Pick<BatchOptions, 'placements' | 'size' | 'changes' | 'blurKernel'> {
  const size = placements[0]?.size ?? [0, 0];
  const rows = new Int32Array(placements.length * COLUMNS);
  const changes: number[] = [];
  for (const [position, placement] of placements.entries()) {
    const { source, resized, window, place, flip, adjustments = [] } = placement;
    const [height, width] = placement.size;
    if (height !== size[0] || width !== size[1]) {
      throw new SpurmemError(
        'DATASET_INVALID',
        `images of one batch differ in size: ${nameOf(indices[position] as number)} has ${height} x ${width} px, and ` +
          `${nameOf(indices[0] as number)} ${size[0]} x ${size[1]} px. ` +
          'Set a fixed resize [height, width] or a crop in the preprocessing.',
      );
    }
    const row = [
      indices[position] as number,
      ...[source.top, source.left, source.height, source.width],
      ...resized,
      ...[window.top, window.left, window.height, window.width],
      ...place,
      Number(flip),
    ];
    rows.set(row, position * COLUMNS);
    for (const { kind, amount } of adjustments) changes.push(position, ADJUSTMENTS.indexOf(kind), amount);
  }
  return { placements: rows, size, changes: Float64Array.from(changes), blurKernel: blurKernel(size) };
}

/** [height, width] after torchvision's `Resize`; a number is the shorter side's. */
export function resizedSize([height, width]: Size, resize: Preprocessing['resize']): Size {
  if (resize === null) return [height, width];
  if (typeof resize !== 'number') return resize;
  const longer = Math.trunc((resize * Math.max(height, width)) / Math.min(height, width));
  return width <= height ? [longer, resize] : [resize, longer];
}

/**
 * torchvision's `CenterCrop` along one dimension, with its zero padding of images smaller than the crop: the first position
 * kept, how many are, and where in the crop they lie.
 */
export function centerCrop(size: number, crop: number): { start: number; count: number; place: number } {
  return {
    start: size > crop ? roundToEven((size - crop) / 2) : 0,
    count: Math.min(size, crop),
    place: size < crop ? Math.floor((crop - size) / 2) : 0,
  };
}

/** The side of a blur's kernel in pixels: SimCLR's, a tenth of the image's shorter side made odd, and at least 3. */
export function blurKernel([height, width]: Size): number {
  const tenth = Math.floor(Math.min(height, width) / 10);
  return Math.max(3, 2 * Math.floor(tenth / 2) + 1);
}

/** Python's `round` of a number of at least 0: halves to even. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

function whole([height, width]: Size): Rectangle {
  return { top: 0, left: 0, height, width };
}
