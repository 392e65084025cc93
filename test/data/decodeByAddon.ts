import type { RgbImage } from '../../src/data/decode.js';
import { loadDecoders, native } from '../../src/native/addon.js';

/** The image that the addon decodes; undefined for one that it leaves to sharp. */
export async function decodeByAddon(path: string): Promise<RgbImage | undefined> {
  loadDecoders();
  const [image] = await native().decodeImages([path]);
  return image ?? undefined;
}
