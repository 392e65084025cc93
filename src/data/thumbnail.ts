import { readFile } from 'node:fs/promises';
import type { SampleImage } from './dataDescription.js';
import type { Dataset, Example } from './dataset.js';
import { invalidImage } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import { loadSharp } from './loadSharp.js';

/** What a thumbnail fits in, in pixels. */
const HEIGHT = 96;
const WIDTH = 192;

/**
 * An example's image, small enough for a page with many: a JPEG that fits in 96 x 192 px, or the pixels as they are, as PNG,
 * where they fit.
 *
 * @throws SpurmemError `IMAGE_INVALID` naming the image, where it is missing or cannot be decoded
 */
export function thumbnail(
  dataset: Pick<Dataset, 'folder' | 'table' | 'links'>,
  example: Pick<Example, 'filename' | 'line'>,
): Promise<SampleImage> {
  return readExampleImage(dataset, example, async (path) => {
    try {
      const image = (await loadSharp())(await readFile(path));
      const { width, height } = await image.metadata();
      const fits = height <= HEIGHT && width <= WIDTH;
      const small = fits
        ? image.png()
        : image.resize({ height: HEIGHT, width: WIDTH, fit: 'inside' }).jpeg({ quality: 80 });
      const { data, info } = await small.toBuffer({ resolveWithObject: true });
      const dataUri = `data:image/${fits ? 'png' : 'jpeg'};base64,${data.toString('base64')}`;
      return { dataUri, width: info.width, height: info.height };
    } catch (error) {
      throw invalidImage(path, error);
    }
  });
}
