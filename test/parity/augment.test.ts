import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { loadDataset } from '../../src/data/dataset.js';
import type { Augmentation, Preprocessing } from '../../src/data/preprocessing.js';
import { native } from '../../src/native/addon.js';
import { photoLike } from '../photos.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle } from './oracle.js';

type Augmenting = NonNullable<Augmentation>;

const folder = temporaryFolder();
const SIZES = [
  [151, 211],
  [117, 79],
  [64, 32],
  [31, 47],
  [96, 96],
] as const;
/** Each image several times, so that what is drawn comes in many orders. */
const TIMES = 4;
const files: string[] = [];
const indices = Int32Array.from({ length: SIZES.length * TIMES }, (_, i) => i % SIZES.length);

beforeAll(async () => {
  mkdirSync(join(folder, 'images'));
  for (const [i, [height, width]] of SIZES.entries()) {
    const name = `images/${i}.png`;
    await photoLike(height, width).png().toFile(join(folder, name));
    files.push(name);
  }
  const rows = files.map((name, i) => `${i},${name},${i % 2},0,0`);
  writeFileSync(join(folder, 'metadata.csv'), `img_id,img_filename,y,split,place\n${rows.join('\n')}\n`);
});

const none = { randomResizedCrop: null, horizontalFlip: 0 };
const crop = { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] } satisfies Augmenting['randomResizedCrop'];
const jitter = (strengths: Partial<Augmenting['colorJitter']>): Augmenting => ({
  ...none,
  colorJitter: { brightness: 0, contrast: 0, saturation: 0, hue: 0, probability: 1, ...strengths },
});
const colorJitter = { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, probability: 0.8 };
const gaussianBlur = { sigma: [0.1, 2], probability: 0.5 } satisfies Augmenting['gaussianBlur'];
const simclr = (height: number, width: number): Augmenting => ({
  randomResizedCrop: { size: [height, width], ...crop },
  horizontalFlip: 0.5,
  colorJitter,
  grayscale: 0.2,
  gaussianBlur,
});

test.each<[string, Augmenting]>([
  ['brightness', jitter({ brightness: 0.8 })],
  ['contrast', jitter({ contrast: 0.8 })],
  ['saturation', jitter({ saturation: 0.8 })],
  ['hue', jitter({ hue: 0.2 })],
  ['the whole circle of hues, and factors from 0', jitter({ brightness: 1.5, contrast: 1.5, hue: 0.5 })],
  ['ColorJitter with a probability', jitter(colorJitter)],
  ['RandomGrayscale', { ...none, grayscale: 0.2 }],
  ['GaussianBlur', { ...none, gaussianBlur }],
  ['SimCLR at 128 px', simclr(128, 128)],
  ['SimCLR at 97 x 61 px', simclr(97, 61)],
])('%s: the images of torchvision with the same seed', async (name, augmentation) => {
  const seed = 7;
  const asked = Array.from(indices, (i) => join(folder, files[i] as string));
  const expected = await askOracle('augment', { files: asked, augmentation, seed });

  // Levels as they are, times 255.
  const preprocessing: Preprocessing = {
    resize: null,
    crop: null,
    mean: [0, 0, 0],
    std: [1, 1, 1],
    augmentation,
  };
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ preprocessing }));
  using loader = await BatchLoader.open(await loadDataset(folder), { device: 'cpu' });
  const generator = new (native().Generator)(seed);
  // Images that keep their sizes need a batch each.
  const batchSize = augmentation.randomResizedCrop ? 5 : 1;
  let [image, worst, different, values] = [0, 0, 0, 0];
  for await (const batch of loader.augmented(indices, batchSize, generator)) {
    using current = batch;
    const levels = ((await current.images.data()) as Float32Array).map((level) => Math.round(255 * level));
    const size = levels.length / current.indices.length;
    for (let start = 0; start < levels.length; start += size, image += 1) {
      const ours = Uint8Array.from(levels.subarray(start, start + size));
      const theirs = expected(`image.${image}`).data as Uint8Array;
      worst = Math.max(worst, maxDifference(ours, theirs));
      different += ours.filter((level, i) => level !== theirs[i]).length;
      values += ours.length;
    }
  }
  expect(image).toBe(indices.length);
  expectWithin(`${name}, levels, max difference`, worst, 0);
  expectWithin(`${name}, share of values that differ`, different / values, 0);
  // As many draws, too.
  expect(maxDifference(generator.getState(), expected('state').data)).toBe(0);
});
