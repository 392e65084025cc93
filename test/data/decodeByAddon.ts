import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { RgbImage } from '../../src/data/decode.js';
import { native } from '../../src/native/addon.js';
import { loadDecoders } from '../../src/native/decoders.js';

/** The image that the addon decodes; undefined for one that it leaves to sharp. */
export async function decodeByAddon(path: string): Promise<RgbImage | undefined> {
  loadDecoders();
  const sizes = await native().imageSizes([path]);
  const [height = 0, width = 0] = sizes;
  if (height === 0) return undefined;
  const target = `${path}.pixels`;
  const file = await open(target, 'w+');
  try {
    const [problem] = await native().decodeImages(file.fd, [path], Float64Array.of(0), sizes);
    if (problem !== 0) return undefined;
    const pixels = Buffer.alloc(3 * height * width);
    await file.read(pixels, 0, pixels.length, 0);
    return { pixels, height, width };
  } finally {
    await file.close();
    rmSync(target);
  }
}
