import { ofImage } from '../decode.js';
import type { Rectangle } from '../geometry.js';
import { loadSharp } from '../loadSharp.js';

/** Interleaved uint8 pixels in sRGB, rows from the top. */
export interface Pixels {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
}

/** The shape of a mask. */
export type MaskShape = ReturnType<typeof shapeOf>;

/** Below this share of pixels a mask counts as empty, above that one as covering the image. */
const EMPTY = 0.001;
const COVERING = 0.98;
/** Edges are soft; a mask most of whose pixels are is no mask. Alpha from 0 to 255. */
const SOFT = [13, 242] as const;
const KEPT = 26;
const HALF = 128;

/**
 * Looks at a mask: the box around all pixels of which it keeps a tenth or more, the whole image, and the problem that keeps it
 * from cutting anything out, if there is one.
 */
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

/** Why nobody can cut anything out with a mask; undefined for a good one. */
function problemOf(kept: number, soft: number): string | undefined {
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  if (soft > 0.5) return `half-transparent in ${percent(soft)} of what it keeps`;
  if (kept < EMPTY) return `empty: it keeps ${percent(kept)} of the image`;
  return kept > COVERING ? `covering: it keeps ${percent(kept)} of the image` : undefined;
}

/**
 * Reads the mask of a foreground, as one channel: the first one of a mask's file, else the image's alpha; undefined for an image
 * without alpha. Throws `IMAGE_INVALID` for a file that cannot be decoded.
 */
export function readMask(image: string, mask: string | undefined): Promise<Pixels | undefined> {
  const path = mask ?? image;
  return ofImage(path, async (sharp) => {
    const source = sharp(path, { failOn: 'error' });
    if (mask === undefined && !(await source.metadata()).hasAlpha) return undefined;
    const channel =
      mask === undefined
        ? source.extractChannel('alpha')
        : source.removeAlpha().toColourspace('b-w').extractChannel(0);
    const { data, info } = await channel.raw().toBuffer({ resolveWithObject: true });
    const { width, height } = await sharp(image).metadata();
    if (info.width !== width || info.height !== height) {
      throw new Error(`it is ${info.width} x ${info.height} px, and its image ${image} ${width} x ${height}`);
    }
    return { data, width, height };
  });
}

/** An image with its mask as alpha, [height, width, 4]. */
async function readCutOut(image: string, mask: string | undefined): Promise<Pixels> {
  const alpha = await readMask(image, mask);
  return ofImage(image, async (sharp) => {
    if (alpha === undefined) throw new Error('it has no alpha');
    const data = await sharp(image, { failOn: 'error' }).removeAlpha().toColourspace('srgb').raw().toBuffer();
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

/**
 * The cut-out on a square image; its longer side takes a share of the image's.
 *
 * @param across and `down`: the rest's position, 0.5 for the centre
 */
export function placeCutOut(
  { box }: MaskShape,
  side: number,
  share: number,
  [across, down]: readonly [number, number],
): Placement {
  const scale = (share * side) / Math.max(box.width, box.height);
  const width = Math.max(1, Math.round(box.width * scale));
  const height = Math.max(1, Math.round(box.height * scale));
  const [left, top] = [Math.round((side - width) * across), Math.round((side - height) * down)];
  return { image: [side, side], from: box, to: { left, top, width, height } };
}

/**
 * Lays a foreground over a scene, which is cropped around its centre to the image's shape; both are resized with sharp's
 * antialiased Lanczos kernel, the foreground with its colors weighted by alpha. Returns the image as JPEG, and the foreground's
 * share of each pixel as a greyscale PNG.
 */
export async function composeImage(
  foreground: { readonly image: string; readonly mask: string | undefined },
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
    const ground = sharp(scene, { failOn: 'error' }).removeAlpha().toColourspace('srgb');
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
