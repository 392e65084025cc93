import type { Dataset } from './dataset.js';
import { openImage } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import type { Size } from './geometry.js';

/** Images whose headers are read. */
const READ = 48;

/**
 * Returns the smallest and the largest size among images spread evenly over the dataset; undefined if none can be read. If all have the
 * same size, both are it.
 */
export async function imageSizes(dataset: Dataset): Promise<readonly [Size, Size] | undefined> {
  const { examples } = dataset;
  const step = Math.max(1, Math.floor(examples.length / READ));
  const looked = examples.filter((_, index) => index % step === 0);
  const sizeOf = async (path: string): Promise<Size> => {
    const { height, width } = await (await openImage(path)).metadata();
    return [height, width];
  };
  const found = await Promise.all(
    // Whoever reads an image's pixels reports that it is missing or damaged.
    looked.map((example) => readExampleImage(dataset, example, sizeOf).catch(() => undefined)),
  );
  const sizes = found
    .filter((size) => size !== undefined)
    .sort(([height, width], [otherHeight, otherWidth]) => height * width - otherHeight * otherWidth);
  const [first, last] = [sizes[0], sizes.at(-1)];
  return first && last && [first, last];
}
