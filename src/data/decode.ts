import type { default as SharpModule, Metadata, Sharp } from 'sharp';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';

/** The formats that are decoded to PIL's pixels, by sharp's names. */
const FORMATS: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff'];
/** PIL turns a TIFF by its orientation, except for uncompressed grey, RGBA and CMYK, which it maps into memory. */
const TURNED = 'tiff';
/** 200 MB when decoded: a file of some kilobytes can claim any size. */
const MAX_PIXELS = 2 ** 26;
/** Larger images are decoded one at a time, which bounds the memory that they take together. */
const LARGE_PIXELS = 2 ** 24;
const EIGHT_BIT_SPACES: readonly string[] = ['srgb', 'rgb', 'b-w'];
const SIXTEEN_BIT_SPACES: readonly string[] = ['rgb16', 'grey16'];

/** sharp, loaded with the first image: libvips takes a tenth of a second and 20 MB. */
export async function loadSharp(): Promise<typeof SharpModule> {
  return (await import('sharp')).default;
}

/** A decoded image: [height, width, 3] uint8 in RGB order, rows from the top. */
export interface RgbImage {
  readonly pixels: Uint8Array;
  readonly height: number;
  readonly width: number;
}

/**
 * Decodes a JPEG, PNG, WebP, GIF (first frame) or TIFF (first page) file to the pixels that PIL's
 * `Image.open(path).convert('RGB')` gives: alpha is dropped and not composited, grey is replicated, palettes are
 * expanded, CMYK and YCCK go through PIL's formula, ICC profiles and the orientation (except a TIFF's) are ignored. 16-bit colour and
 * grey with alpha keep the high byte; 16-bit grey without alpha is clipped at 255, as PIL does with its mode `I;16`.
 *
 * Truncated files and failed checksums are errors; damage that PIL ignores as well (such as stray bytes
 * between JPEG markers) is not.
 */
export async function decodeRgb(path: string): Promise<RgbImage> {
  return ofImage(path, async () => {
    const file = await openImage(path, { ignoreIcc: true });
    const metadata = await file.metadata();
    const toRgb = conversionOf(metadata);
    const image = toRgb.prepare(metadata.format === TURNED ? file.autoOrient() : file);
    const decode = async (): Promise<RgbImage> => {
      const { data, info } = await image.toBuffer({ resolveWithObject: true });
      return { pixels: toRgb.pixels(data, info.channels), height: info.height, width: info.width };
    };
    return metadata.width * metadata.height > LARGE_PIXELS ? inTurn(decode) : decode();
  });
}

let lastTurn: Promise<unknown> = Promise.resolve();

/** Runs jobs one after another. */
function inTurn<Result>(job: () => Promise<Result>): Promise<Result> {
  const turn = lastTurn.then(job);
  lastTurn = turn.catch(() => undefined);
  return turn;
}

/**
 * Opens an image in one of the five formats, from memory: libvips caches files by name, and this one may have changed since.
 *
 * @param options default: with its colour profile
 */
export async function openImage(path: string, { ignoreIcc = false } = {}): Promise<Sharp> {
  const sharp = await loadSharp();
  const image = sharp(await readWhole(path), { failOn: 'error', ignoreIcc, limitInputPixels: MAX_PIXELS });
  const { format } = await image.metadata();
  if (FORMATS.includes(format)) return image;
  throw new Error(`the format ${format} is not supported; convert the image to PNG or JPEG`);
}

/** Runs a job on an image file. Throws `IMAGE_INVALID` naming the file if the job throws. */
export async function ofImage<Result>(path: string, job: () => Promise<Result>): Promise<Result> {
  try {
    return await job();
  } catch (error) {
    throw new SpurmemError('IMAGE_INVALID', `${path}: ${reason(error)}`, { cause: error });
  }
}

/** Sharp's steps, and the function that turns its samples into PIL's RGB. */
function conversionOf({ space, depth, channels }: Metadata): {
  readonly prepare: (image: Sharp) => Sharp;
  readonly pixels: (data: Buffer, channels: number) => Buffer;
} {
  if (depth === 'uchar' && space === 'cmyk') {
    const prepare = (image: Sharp) => image.pipelineColourspace('cmyk').toColourspace('cmyk').raw();
    return { prepare, pixels: cmykToRgb };
  }
  if (depth === 'uchar' && EIGHT_BIT_SPACES.includes(space)) {
    return { prepare: (image) => image.raw(), pixels: firstThree };
  }
  if (depth === 'ushort' && SIXTEEN_BIT_SPACES.includes(space)) {
    return {
      prepare: (image) => image.toColourspace(space).raw({ depth: 'ushort' }),
      pixels: (data, kept) => firstThree(toBytes(data, channels === 1), kept),
    };
  }
  throw new Error(`${space} pixels of type ${depth} are not supported; convert the image to 8-bit RGB`);
}

/** RGB of pixels with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) interleaved channels. */
function firstThree(data: Buffer, channels: number): Buffer {
  if (channels === 3) return data;
  const pixels = Buffer.allocUnsafe((data.length / channels) * 3);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    pixels[to] = data[from] ?? 0;
    pixels[to + 1] = data[from + green] ?? 0;
    pixels[to + 2] = data[from + blue] ?? 0;
  }
  return pixels;
}

/** 16-bit samples in the machine's byte order to 8 bits: clipped at 255, or their high bytes. */
function toBytes(data: Buffer, clip: boolean): Buffer {
  const samples = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
  const bytes = Buffer.allocUnsafe(samples.length);
  for (const [index, sample] of samples.entries()) {
    bytes[index] = clip ? Math.min(sample, 255) : sample >> 8;
  }
  return bytes;
}

/** PIL's conversion, without a colour profile: channel = (255 - K) - C * (255 - K) / 255, rounded as PIL rounds. */
function cmykToRgb(data: Buffer, channels: number): Buffer {
  const pixels = Buffer.allocUnsafe((data.length / channels) * 3);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 3) {
    const light = 255 - (data[from + 3] ?? 0);
    for (let channel = 0; channel < 3; channel++) {
      const product = (data[from + channel] ?? 0) * light + 128;
      pixels[to + channel] = light - (((product >> 8) + product) >> 8);
    }
  }
  return pixels;
}

/** Returns the cause of a failure in one line, in plain words if the cause is known. */
function reason(error: unknown): string {
  if (systemCode(error) === 'ENOENT') return 'the image file is missing';
  if (systemCode(error) === 'EISDIR') return 'is a folder, not an image file';
  const message = messageOf(error).split('\n', 1)[0]?.trim() ?? '';
  if (/^it (?:is|needs) /.test(message)) return message;
  if (/unsupported image format|is empty/i.test(message)) {
    return `not an image in a known format (${FORMATS.join(', ')}): ${message}`;
  }
  if (/exceeds pixel limit/i.test(message)) {
    return `it has more than ${MAX_PIXELS} pixels, which is more than is decoded; make it smaller`;
  }
  return `cannot be decoded, it may be truncated or damaged: ${message}`;
}
