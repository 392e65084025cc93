import type { Sharp } from 'sharp';
import type { SampleImage } from './dataDescription.js';

/** An image as a PNG that lives in a page. */
export async function toSampleImage(image: Sharp): Promise<SampleImage> {
  const { data, info } = await image.png().toBuffer({ resolveWithObject: true });
  return {
    dataUri: `data:image/png;base64,${data.toString('base64')}`,
    width: info.width,
    height: info.height,
  };
}
