import { loadSharp } from './loadSharp.js';

/** Pixels of [0, 1] as an 8-bit grey PNG's data URI, from [height * width] values in row-major order. */
export async function greyPng(values: Float32Array, height: number, width: number): Promise<string> {
  const sharp = await loadSharp();
  const pixels = Buffer.from(Uint8Array.from(values, toByte));
  return dataUri(
    await sharp(pixels, { raw: { width, height, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer(),
  );
}

/**
 * A model's input as a PNG's data URI, its normalization undone.
 *
 * @param values [3, height, width] in row-major order
 * @param mean of each channel; `std` its standard deviation
 */
export async function inputPng(
  values: Float32Array,
  [height, width]: readonly [number, number],
  { mean, std }: { readonly mean: readonly number[]; readonly std: readonly number[] },
): Promise<string> {
  const sharp = await loadSharp();
  const size = height * width;
  const pixels = Buffer.alloc(size * 3);
  for (const channel of [0, 1, 2]) {
    for (let at = 0; at < size; at += 1) {
      const value = values[channel * size + at] as number;
      pixels[at * 3 + channel] = toByte(value * (std[channel] as number) + (mean[channel] as number));
    }
  }
  return dataUri(
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

function toByte(value: number): number {
  return Math.round(255 * Math.min(1, Math.max(0, value)));
}

function dataUri(png: Buffer): string {
  return `data:image/png;base64,${png.toString('base64')}`;
}
