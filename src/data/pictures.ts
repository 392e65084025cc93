import type { Sharp } from 'sharp';
import * as z from '../zod.js';
import type { Dataset, Example } from './dataset.js';
import { loadSharp, ofImage, openImage } from './decode.js';
import { readExampleImage } from './exampleImage.js';

/** The height in pixels of a sample image. */
const SAMPLE_HEIGHT = 128;
/** The box of a thumbnail in pixels. */
const THUMBNAIL = { height: 96, width: 192 } as const;
const JPEG = { quality: 80 } as const;

/** An image in a run’s data.json, as a picture. */
export const sampleImageSchema = z.strictObject({
  /** `data:image/jpeg;base64,...` or `data:image/png;base64,...`: a page shows it without fetching anything. */
  dataUri: z.string().regex(/^data:image\/(?:jpeg|png);base64,/),
  /** Pixels. */
  width: z.number().int().positive(),
  /** Pixels. */
  height: z.number().int().positive(),
});
/** A picture inside the page that shows it. */
export type SampleImage = Readonly<z.infer<typeof sampleImageSchema>>;

/** A PNG, or an image of another format, as a picture of a page. */
export function toSampleImage(
  image: Uint8Array,
  { width, height }: { readonly width: number; readonly height: number },
  format = 'png',
): SampleImage {
  return { dataUri: dataUri(image, format), width, height };
}

/** Pixels of [0, 1] as an 8-bit grey PNG's data URI, from [height * width] values in row-major order. */
export async function greyPng(values: Float32Array, height: number, width: number): Promise<string> {
  const sharp = await loadSharp();
  const pixels = Buffer.from(Uint8Array.from(values, toByte));
  const grey = sharp(pixels, { raw: { width, height, channels: 1 } }).toColourspace('b-w');
  return dataUri(await grey.png().toBuffer());
}

/** The mean and the deviation of each channel, which a model's input was normalized by. */
type Normalization = Readonly<Record<'mean' | 'std', readonly number[]>>;
const NONE: Normalization = { mean: [0, 0, 0], std: [1, 1, 1] };

/** An image, [3, height, width] in row-major order, as a PNG's data URI, its normalization undone; default: pixels of [0, 1]. */
export async function colorPng(
  values: Float32Array,
  size: readonly [height: number, width: number],
  normalization = NONE,
): Promise<string> {
  const image = await imageOf(values, size, normalization);
  return dataUri(await image.png().toBuffer());
}

/** Like `colorPng`, a picture for a page with many: a JPEG that fits in 96 x 192 px, or a PNG of the pixels if they fit. */
export async function inputThumbnail(
  values: Float32Array,
  size: readonly [height: number, width: number],
  normalization = NONE,
): Promise<SampleImage> {
  const image = await imageOf(values, size, normalization);
  const { data, info } = await small(image, ...size).toBuffer({ resolveWithObject: true });
  return toSampleImage(data, info, info.format);
}

async function imageOf(
  values: Float32Array,
  [height, width]: readonly [number, number],
  { mean, std }: Normalization,
): Promise<Sharp> {
  const sharp = await loadSharp();
  const size = height * width;
  const pixels = new Uint8Array(size * 3);
  for (const channel of [0, 1, 2]) {
    for (let at = 0; at < size; at += 1) {
      const value = values[channel * size + at] as number;
      pixels[at * 3 + channel] = toByte(value * (std[channel] as number) + (mean[channel] as number));
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/**
 * An example's image at the height of samples: a JPEG, or the pixels enlarged, as PNG, if they fit into a thumbnail. Throws
 * `IMAGE_INVALID` naming the image.
 */
export function sampleImage(dataset: Dataset, example: Example): Promise<SampleImage> {
  return pictured(dataset, example, async (image) =>
    (await image.metadata()).height <= THUMBNAIL.height
      ? image.resize({ height: SAMPLE_HEIGHT, kernel: 'nearest' }).png()
      : image.resize({ height: SAMPLE_HEIGHT }).jpeg(JPEG),
  );
}

/**
 * An example's image, small enough for a page with many: a JPEG that fits in 96 x 192 px, or the pixels as they are, as PNG,
 * if they fit. Throws as `sampleImage` does.
 */
export function thumbnail(dataset: Dataset, example: Example): Promise<SampleImage> {
  return pictured(dataset, example, async (image) => {
    const { width, height } = await image.metadata();
    return small(image, height, width);
  });
}

function small(image: Sharp, height: number, width: number): Sharp {
  const fits = height <= THUMBNAIL.height && width <= THUMBNAIL.width;
  return fits ? image.png() : image.resize({ ...THUMBNAIL, fit: 'inside' }).jpeg(JPEG);
}

/** An example's image as `draw` shrinks and encodes it. */
function pictured(
  dataset: Dataset,
  example: Example,
  draw: (image: Sharp) => Promise<Sharp>,
): Promise<SampleImage> {
  return readExampleImage(dataset, example, (path) =>
    ofImage(path, async () => {
      const picture = await draw(await openImage(path));
      const { data, info } = await picture.toBuffer({ resolveWithObject: true });
      return toSampleImage(data, info, info.format);
    }),
  );
}

function toByte(value: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}

function dataUri(image: Uint8Array, format = 'png'): string {
  return `data:image/${format};base64,${Buffer.from(image).toString('base64')}`;
}
