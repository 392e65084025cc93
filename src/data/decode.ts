import { stat } from 'node:fs/promises';
import type { Metadata, Sharp } from 'sharp';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';
import { loadSharp } from './loadSharp.js';
import type { MemoryShare } from './memoryBudget.js';

/** The formats that are decoded as PIL does it, by sharp's names. */
const FORMATS: readonly string[] = ['jpeg', 'png', 'webp', 'gif', 'tiff'];
/** The one that PIL turns as its orientation says, but for uncompressed grey, RGBA and CMYK, which it maps into memory. */
const TURNED = 'tiff';
/** 200 MB when decoded: a file of some kilobytes can claim any size. */
const MOST_PIXELS = 2 ** 26;
const EIGHT_BIT_SPACES: readonly string[] = ['srgb', 'rgb', 'b-w'];
const SIXTEEN_BIT_SPACES: readonly string[] = ['rgb16', 'grey16'];

/** A decoded image: [height, width, 3] uint8 in RGB order, rows from the top. */
export interface RgbImage {
  readonly pixels: Buffer;
  readonly height: number;
  readonly width: number;
}

/**
 * Decodes a JPEG, PNG, WebP, GIF (first frame) or TIFF (first page) file to the pixels that PIL's
 * `Image.open(path).convert('RGB')` gives: alpha is dropped and not composited, grey is replicated, palettes are
 * expanded, CMYK and YCCK go through PIL's formula, ICC profiles are ignored, and so is the orientation but a TIFF's. 16-bit
 * colour and grey with alpha keep the high byte; 16-bit grey without alpha is clipped at 255, since that is
 * what PIL makes of its mode `I;16`.
 *
 * Truncated files and failed checksums are errors; damage that PIL reads over as well (such as stray bytes
 * between JPEG markers) is not.
 *
 * @param memory holds what the file and its decoding take at most, until the caller gives it back; default: without a limit
 */
export async function decodeRgb(path: string, memory?: MemoryShare): Promise<RgbImage> {
  return ofImage(path, async (sharp) => {
    const { bytes, ...metadata } = await headerOf(sharp, path, memory);
    const toRgb = conversionOf(metadata);
    await memory?.hold(bytes + decodingBytes(metadata));
    const file = await opened(sharp, path);
    const image = toRgb.prepare(metadata.format === TURNED ? file.autoOrient() : file);
    const { data, info } = await image.toBuffer({ resolveWithObject: true });
    return { pixels: toRgb.pixels(data, info.channels), height: info.height, width: info.width };
  });
}

/**
 * The size of what `decodeRgb` gives, in pixels, from the file's header. Throws `IMAGE_INVALID` where that is no image's.
 *
 * @param memory as in `decodeRgb`
 */
export function imageSize(path: string, memory?: MemoryShare): Promise<Pick<RgbImage, 'height' | 'width'>> {
  return ofImage(path, async (sharp) => {
    const metadata = await headerOf(sharp, path, memory);
    conversionOf(metadata);
    const { height, width } = metadata.format === TURNED ? metadata.autoOrient : metadata;
    return { height, width };
  });
}

type SharpFactory = Awaited<ReturnType<typeof loadSharp>>;

/** From memory, because libvips caches what it opens by file name, and the file may have changed since. */
async function opened(sharp: SharpFactory, path: string): Promise<Sharp> {
  return sharp(await readWhole(path), { failOn: 'error', ignoreIcc: true, limitInputPixels: MOST_PIXELS });
}

/** What the header says, and the file's bytes. The file is read anew for its pixels: who waits for their memory holds none. */
async function headerOf(
  sharp: SharpFactory,
  path: string,
  memory: MemoryShare | undefined,
): Promise<Metadata & { readonly bytes: number }> {
  const { size } = await stat(path);
  await memory?.hold(size);
  return { ...(await (await opened(sharp, path)).metadata()), bytes: size };
}

/** Reads an image file with sharp. Throws `IMAGE_INVALID` naming it for whatever the job throws. */
export async function ofImage<Result>(
  path: string,
  job: (sharp: SharpFactory) => Promise<Result>,
): Promise<Result> {
  try {
    return await job(await loadSharp());
  } catch (error) {
    throw new SpurmemError('IMAGE_INVALID', `${path}: ${reason(error)}`, { cause: error });
  }
}

/** libvips's pixels, of which interlaced and progressive files need all at once, a copy of them, and the RGB ones. */
function decodingBytes({ width, height, channels, depth }: Metadata): number {
  // More are refused.
  if (width * height > MOST_PIXELS) return 0;
  return width * height * (2 * channels * (depth === 'ushort' ? 2 : 1) + 3);
}

/** The way to the pixels that PIL gives. */
interface Conversion {
  /** Sharp's steps before the samples. */
  readonly prepare: (image: Sharp) => Sharp;
  /** RGB of the samples that it gives. */
  readonly pixels: (data: Buffer, channels: number) => Buffer;
}

function conversionOf({ format, space, depth, channels }: Metadata): Conversion {
  if (!FORMATS.includes(format)) {
    throw new Error(`the format ${format} is not supported; convert the image to PNG or JPEG`);
  }
  if (depth === 'uchar' && space === 'cmyk') {
    return {
      prepare: (image) => image.pipelineColourspace('cmyk').toColourspace('cmyk').raw(),
      pixels: cmykToRgb,
    };
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

/** PIL's conversion, which knows no ink: channel = (255 - K) - C * (255 - K) / 255, rounded as PIL rounds. */
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

/** The cause of a failure in one line, in the user's words where it is plain. */
function reason(error: unknown): string {
  if (systemCode(error) === 'ENOENT') return 'the image file is missing';
  if (systemCode(error) === 'EISDIR') return 'is a folder, not an image file';
  const message = messageOf(error).split('\n', 1)[0]?.trim() ?? '';
  if (/^it (?:is|needs) /.test(message)) return message;
  if (/unsupported image format|is empty/i.test(message)) {
    return `not an image in a known format (${FORMATS.join(', ')}): ${message}`;
  }
  if (/exceeds pixel limit/i.test(message)) {
    return `it has more than ${MOST_PIXELS} pixels, which is more than is decoded; make it smaller`;
  }
  return `cannot be decoded, it may be truncated or damaged: ${message}`;
}
