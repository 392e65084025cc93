import { type SampleImage, toSampleImage } from '../../../data/dataDescription.js';
import { loadSharp } from '../../../data/decode.js';
import { SpurmemError } from '../../../errors.js';
import type { ExampleHeat, HeatExample } from '../../../experiments/gradCamResult.js';
import { vega } from '../../vega/vega.js';

/** Perceptually uniform: equal steps of heat look equally large, in grey and to colour-blind eyes too. */
const SCHEME = 'inferno';

/** The heat's weight over the image. */
export const OPACITY = 0.6;

/** Images lower than this in pixels are enlarged by whole factors. */
const LEAST_HEIGHT = 128;

/** An image beside its overlays: one row of the article's Fig. 10. */
export type OverlayRow = Awaited<ReturnType<typeof drawOverlays>>[number];

/** The colour of a heat from 0 to 1, as `rgb(r, g, b)`. */
export const heatColor = vega.scheme(SCHEME) as (heat: number) => string;

/** Draws the examples' heat over their images. Throws `RUN_INVALID` when one of the images cannot be decoded. */
export function drawOverlays(examples: readonly HeatExample[]) {
  return Promise.all(
    examples.map(async ({ group, filename, image, before, after }) => {
      const picture = await decode(image, 3, GRAD_CAM, filename);
      return {
        group,
        image: await encode(picture),
        before: before ? await overlay(picture, before, filename) : undefined,
        after: await overlay(picture, after, filename),
      };
    }),
  );
}

/** Pixels in row-major order. */
export interface Picture {
  readonly pixels: Buffer;
  readonly width: number;
  readonly height: number;
}

async function overlay(image: Picture, { heat, share }: ExampleHeat, filename: string) {
  const map = await decode(heat, 1, GRAD_CAM, filename);
  const colors = colorTable();
  const pixels = Buffer.from(
    image.pixels.map((value, at) => {
      const color = colors[map.pixels[Math.floor(at / 3)] ?? 0]?.[at % 3] ?? 0;
      return Math.round((1 - OPACITY) * value + OPACITY * color);
    }),
  );
  return { ...(await encode({ ...image, pixels })), share, blank: map.pixels.every((value) => value === 0) };
}

/** Red, green and blue of each of the 256 heats. */
export function colorTable(): number[][] {
  return Array.from({ length: 256 }, (_, heat) => (heatColor(heat / 255).match(/\d+/g) ?? []).map(Number));
}

/** A result that holds images, and the command that makes it. */
interface ImageSource {
  readonly file: string;
  readonly command: string;
}

const GRAD_CAM: ImageSource = { file: 'results/grad-cam.json', command: 'spurmem gradcam' };

/** Decodes an image of an example that a result holds. Throws `RUN_INVALID` where it is damaged. */
export async function decode(
  dataUri: string,
  channels: 1 | 3,
  { file, command }: ImageSource,
  filename: string,
): Promise<Picture> {
  try {
    const bytes = Buffer.from(dataUri.replace(/^data:image\/\w+;base64,/, ''), 'base64');
    const sharp = await loadSharp();
    const { data, info } = await sharp(bytes)
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { pixels: data, width: info.width, height: info.height };
  } catch (error) {
    throw new SpurmemError(
      'RUN_INVALID',
      `${file}: an image of the example ${filename} is damaged. Run ${command} again.`,
      { cause: error },
    );
  }
}

async function encode({ pixels, width, height }: Picture): Promise<SampleImage> {
  const sharp = await loadSharp();
  const factor = Math.ceil(LEAST_HEIGHT / height);
  const { data, info } = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize({ width: factor * width, height: factor * height, kernel: 'nearest' })
    .png()
    .toBuffer({ resolveWithObject: true });
  return toSampleImage(data, info);
}
