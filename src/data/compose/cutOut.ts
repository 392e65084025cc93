import { loadSharp, ofImage, openImage } from '../decode.js';
import type { Rectangle } from '../geometry.js';

/** Interleaved uint8 pixels in sRGB, rows from the top. */
export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** The shape of a mask. */
type MaskShape = ReturnType<typeof shapeOf>;

/** Shares of pixels below which a mask counts as empty, and above which it counts as covering the image. */
const EMPTY = 0.001;
const COVERING = 0.98;
/** Edges are soft, but a mask with mostly soft pixels is none. Alpha from 0 to 255. */
const SOFT = [13, 242] as const;
const KEPT = 26;
const HALF = 128;

/** Returns the box around the pixels of which a mask keeps a tenth or more, the whole image, and the mask's problem, if any. */
export function shapeOf({ data, width, height }: Pixels) {
  const whole = { left: 0, top: 0, width, height };
  let [left, top, right, bottom] = [width, height, -1, -1];
  let [inside, soft, touched] = [0, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const alpha = data[y * width + x] as number;
      if (alpha >= HALF) inside += 1;
      if (alpha >= SOFT[0]) touched += 1;
      if (alpha >= SOFT[0] && alpha <= SOFT[1]) soft += 1;
      if (alpha < KEPT) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return {
    box: right < 0 ? whole : { left, top, width: right - left + 1, height: bottom - top + 1 },
    whole,
    problem: problemOf(inside / (width * height), soft / touched),
  };
}

/** The problem of a mask that cuts nothing out; undefined for a good one. */
function problemOf(kept: number, soft: number): string | undefined {
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  if (soft > 0.5) return `half-transparent in ${percent(soft)} of what it keeps`;
  if (kept < EMPTY) return `empty: it keeps ${percent(kept)} of the image`;
  return kept > COVERING ? `covering: it keeps ${percent(kept)} of the image` : undefined;
}

/** Reads the mask of an image, its first channel. Throws `IMAGE_INVALID` for a file that cannot be decoded, or is of another size. */
export function readMask(image: string, mask: string): Promise<Pixels> {
  return ofImage(mask, async () => {
    const channel = (await openImage(mask)).removeAlpha().toColourspace('b-w').extractChannel(0);
    const { data, info } = await channel.raw().toBuffer({ resolveWithObject: true });
    const { width, height } = await ofImage(image, async () => (await openImage(image)).metadata());
    if (info.width !== width || info.height !== height) {
      throw new Error(`it is ${info.width} x ${info.height} px, and its image ${image} ${width} x ${height}`);
    }
    return { data, width, height };
  });
}

/** An image with its mask as alpha, [height, width, 4]. */
async function readCutOut(image: string, mask: string): Promise<Pixels> {
  const alpha = await readMask(image, mask);
  return ofImage(image, async () => {
    const data = await (await openImage(image)).removeAlpha().toColourspace('srgb').raw().toBuffer();
    const { width, height } = alpha;
    const pixels = Buffer.allocUnsafe(width * height * 4);
    for (let at = 0; at < width * height; at += 1) {
      data.copy(pixels, at * 4, at * 3, at * 3 + 3);
      pixels[at * 4 + 3] = alpha.data[at] as number;
    }
    return { data: pixels, width, height };
  });
}

/** How a foreground becomes a part of an image. */
export interface Placement {
  /** [height, width] of the composed image. */
  readonly image: readonly [number, number];
  /** The part of the photograph. */
  readonly from: Rectangle;
  /** Its place in the image. */
  readonly to: Rectangle;
}

/** The foreground at its place in the photograph. */
export function inPlace({ whole }: MaskShape): Placement {
  return { image: [whole.height, whole.width], from: whole, to: whole };
}

/** The cut-out in the middle of a square image; its longer side takes a share of the image's. */
export function placeCutOut({ box }: MaskShape, side: number, share: number): Placement {
  const scale = (share * side) / Math.max(box.width, box.height);
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const [left, top] = [Math.round((side - width) / 2), Math.round((side - height) / 2)];
  return { image: [side, side], from: box, to: { left, top, width, height } };
}

/**
 * Lays a foreground over a scene, which is cropped around its centre to the image's shape; both are resized with sharp's
 * antialiased Lanczos kernel, the foreground with its colors weighted by alpha. Returns the image as JPEG, and the foreground's
 * share of each pixel as a greyscale PNG.
 */
export async function composeImage(
  foreground: { readonly image: string; readonly mask: string },
  scene: string,
  { image: [height, width], from, to }: Placement,
  jpegQuality: number,
): Promise<[image: Buffer, mask: Buffer]> {
  const sharp = await loadSharp();
  const { data, ...size } = await readCutOut(foreground.image, foreground.mask);
  const cut = await sharp(data, { raw: { ...size, channels: 4 } })
    .extract(from)
    .resize(to.width, to.height, { fit: 'fill' })
    .raw()
    .toBuffer();
  const raw = { width: to.width, height: to.height, channels: 4 } as const;
  return ofImage(scene, async () => {
    const ground = (await openImage(scene)).removeAlpha().toColourspace('srgb');
    const image = await ground
      .resize(width, height, { fit: 'cover' })
      .composite([{ input: cut, raw, left: to.left, top: to.top }])
      .removeAlpha()
      .jpeg({ quality: jpegQuality })
      .toBuffer();
    const mask = Buffer.alloc(width * height);
    for (let y = 0; y < to.height; y += 1) {
      for (let x = 0; x < to.width; x += 1) {
        mask[(to.top + y) * width + to.left + x] = cut[(y * to.width + x) * 4 + 3] as number;
      }
    }
    const png = await sharp(mask, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png({ compressionLevel: 6 })
      .toBuffer();
    return [image, png];
  });
}
