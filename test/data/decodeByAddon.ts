import type { RgbImage } from '../../src/data/decode.js';
import { native } from '../../src/native/addon.js';
import { loadDecoders } from '../../src/native/decoders.js';

/** The image that the addon decodes; undefined for one that it leaves to sharp. */
export async function decodeByAddon(path: string): Promise<RgbImage | undefined> {
  loadDecoders();
  const [image] = await native().decodeImages([path]);
  return image ?? undefined;
}
