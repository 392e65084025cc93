import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchLoader } from '../../src/data/batches.js';
import { loadDataset } from '../../src/data/dataset.js';
import {
  ARTICLE_PREPROCESSING,
  IMAGENET_MEAN,
  IMAGENET_STD,
  type Preprocessing,
} from '../../src/data/preprocessing.js';
import { happens, randomResizedCrop } from '../../src/data/sampling.js';
import { writeSafetensors } from '../../src/models/safetensors.js';
import { native } from '../../src/native/addon.js';
import type { InputConfig } from '../../src/train/inputSettings.js';
import { adopt, trainErm } from '../../src/train/methods.js';
import { openImages, preparedAs } from '../../src/train/runModel.js';
import type { RunStart } from '../../src/train/runOptions.js';
import { photoLike } from '../photos.js';
import { temporaryFolder } from '../temporary.js';
import { expectWithin, maxDifference } from './compare.js';
import { askOracle, type Oracle } from './oracle.js';

const folder = temporaryFolder();
/** As JPEG 4:2:0 and PNG: portrait, landscape and tiny. */
const SIZES = [
  [375, 500],
  [500, 333],
  [218, 178],
  [64, 64],
  [31, 47],
] as const;
const files: string[] = [];

beforeAll(async () => {
  mkdirSync(join(folder, 'images'));
  for (const [i, [height, width]] of SIZES.entries()) {
    const image = photoLike(height, width);
    for (const [extension, encoded] of [
      ['jpg', image.clone().jpeg({ quality: 90, chromaSubsampling: '4:2:0' })],
      ['png', image.clone().png()],
    ] as const) {
      const name = `images/${i}.${extension}`;
      await encoded.toFile(join(folder, name));
      files.push(name);
    }
  }
});

/** Makes the folder a dataset with this preprocessing. */
function writeDataset(preprocessing: Preprocessing): void {
  const rows = files.map((name, i) => `${i},${name},${i % 2},${i % 3},0`);
  writeFileSync(join(folder, 'metadata.csv'), `img_id,img_filename,y,split,place\n${rows.join('\n')}\n`);
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ preprocessing }));
}

/** The loader of the dataset with this preprocessing, and what torchvision makes of its images. */
async function both(preprocessing: Preprocessing, seed: number): Promise<[BatchLoader, Oracle]> {
  writeDataset(preprocessing);
  const { randomResizedCrop, horizontalFlip } = preprocessing.augmentation ?? {};
  const augmentation = randomResizedCrop ? { ...randomResizedCrop, flip: horizontalFlip } : null;
  const asked = { ...preprocessing, files: files.map((name) => join(folder, name)), augmentation, seed };
  return [await openLoader(), await askOracle('preprocess', asked)];
}

async function openLoader(): Promise<BatchLoader> {
  return BatchLoader.open(await loadDataset(folder), { device: 'cpu' });
}

const statistics = {
  mean: [...IMAGENET_MEAN] as [number, number, number],
  std: [...IMAGENET_STD] as [number, number, number],
};
/** A level of 1/255 in the normalized channel with the smallest standard deviation. */
const ONE_LEVEL = 1 / 255 / Math.min(...IMAGENET_STD);

// PIL rounds and clamps between rows and columns, which shows where bicubic weights overshoot an edge.
test.each<[string, Partial<Preprocessing>, levels?: number]>([
  ['the article\u2019s resize to 256 x 256 and centre crop of 224', { resize: [256, 256], crop: [224, 224] }],
  ['resize of the shorter side and centre crop', { resize: 256, crop: [224, 224] }],
  ['resize alone', { resize: [64, 48], crop: null }],
  ['a crop larger than the image', { resize: 40, crop: [64, 64] }],
  ['reduced by far, with many weights a pixel', { resize: [150, 132], crop: null }],
  ['bicubic', { resize: 248, interpolation: 'bicubic', crop: [224, 224] }, 24],
])('evaluation: %s', async (name, chosen, levels = 1.0001) => {
  const preprocessing = { resize: null, crop: null, ...statistics, augmentation: null, ...chosen };
  const [opened, expected] = await both(preprocessing, 0);
  using loader = opened;
  expectWithin(`${name}, to torchvision's tensor path`, await worst(loader, expected, 'tensor'), 0);
  expectWithin(`${name}, to PIL's path, levels`, (await worst(loader, expected, 'pil')) / ONE_LEVEL, levels);
});

/** The max difference of any evaluation pixel from torchvision's. */
async function worst(loader: BatchLoader, expected: Oracle, path: 'tensor' | 'pil'): Promise<number> {
  let largest = 0;
  for await (const batch of loader.evaluation(Int32Array.from(files.keys()), 1)) {
    using current = batch;
    const theirs = expected(`${path}.${current.indices[0] as number}`).data;
    largest = Math.max(largest, maxDifference(await current.images.data(), theirs));
  }
  return largest;
}

const OWN = {
  resize: [60, 96] as [number, number],
  interpolation: 'bicubic' as const,
  crop: [56, 80] as [number, number],
  mean: [0.5, 0.4, 0.3] as [number, number, number],
  std: [0.2, 0.3, 0.4] as [number, number, number],
  augmentation: null,
};
const KNOWN = { 'the article\u2019s': ARTICLE_PREPROCESSING, 'the data set\u2019s own': OWN };
/** Each setting of the input at its default, at the article's value, at the data set's, and at others. */
const GIVEN: readonly (InputConfig & { readonly imageSize?: [number, number] })[] = [
  ...[
    [224, 224],
    [256, 256],
    [60, 96],
    [56, 80],
  ].map((size) => ({ imageSize: size as [number, number] })),
  ...[[256, 256], 256, [240, 300]].map((resize) => ({ resize: resize as [number, number] | number })),
  { resize: [60, 96], crop: [56, 80] },
  { resize: null },
  { crop: [224, 224] },
  { crop: [56, 80] },
  { crop: null },
  { interpolation: 'bilinear' },
  { interpolation: 'bicubic' },
  { mean: [...IMAGENET_MEAN], std: [...IMAGENET_STD] },
  { mean: OWN.mean },
  { std: OWN.std },
];

describe.each(Object.entries(KNOWN))('given, with %s preprocessing', (_name, known) => {
  beforeAll(async () => {
    writeDataset(known);
    await writeSafetensors(join(folder, 'weights.safetensors'), {
      'fc.bias': { shape: [2], data: Float32Array.of(0, 0) },
    });
  });

  test.each(GIVEN)('%j is obeyed by train and adopt, and pixels are torchvision\u2019s', async (given) => {
    const { imageSize, ...others } = given;
    const wanted = {
      interpolation: 'bilinear',
      ...known,
      ...others,
      ...(imageSize && { resize: imageSize, crop: null }),
    };
    const weights = join(folder, 'weights.safetensors');
    const starts = await Promise.all(
      [trainErm, adopt].map(async (make) => {
        let start: RunStart | undefined;
        const onStart = (begun: RunStart): never => {
          start = begun;
          throw new Error('before anything is written');
        };
        await make({
          data: folder,
          arch: 'resnet18',
          weights,
          out: join(folder, 'run'),
          ...given,
          onStart,
        }).catch((error: unknown) => {
          if (start === undefined) throw error;
        });
        return start as RunStart;
      }),
    );
    for (const { config, dataset, input } of starts) {
      const { preprocessing } = preparedAs(config, dataset);
      expect({ interpolation: 'bilinear', ...preprocessing }).toMatchObject(wanted);
      expect(input).toContain('(given)');
    }
    const { config, dataset } = starts[0] as RunStart;
    using loader = await openImages(config, dataset, { device: 'cpu' });
    const asked = { ...wanted, files: files.map((name) => join(folder, name)), seed: 0 };
    expectWithin(
      JSON.stringify(given),
      await worst(loader, await askOracle('preprocess', asked), 'tensor'),
      0,
    );
  });
});

test.each([
  ['the release\u2019s scale', [0.7, 1], [3 / 4, 4 / 3], 0.5],
  ['torchvision\u2019s defaults', [0.08, 1], [3 / 4, 4 / 3], 0.5],
  ['a ratio that forces the fallback', [0.9, 1], [4, 5], 0],
] as const)('training: RandomResizedCrop and flip, %s', async (name, scale, ratio, flip) => {
  const preprocessing: Preprocessing = {
    resize: null,
    crop: null,
    ...statistics,
    augmentation: {
      randomResizedCrop: { size: [96, 80], scale: [...scale], ratio: [...ratio] },
      horizontalFlip: flip,
    },
  };
  const seed = 11;
  const [opened, expected] = await both(preprocessing, seed);
  using loader = opened;
  const crops = JSON.parse(expected.printed) as number[][];
  const draws = new (native().Generator)(seed);
  const drawn = Array.from(crops.keys(), (i) => {
    const crop = randomResizedCrop(loader.sizeOf(i), { scale: [...scale], ratio: [...ratio] }, draws);
    return [crop.top, crop.left, crop.height, crop.width, Number(happens(flip, draws))];
  });
  expect(drawn).toEqual(crops);

  // One epoch in table order draws the same crops, since the batches draw image after image.
  const generator = new (native().Generator)(seed);
  let largest = 0;
  for await (const batch of loader.augmented(Int32Array.from(files.keys()), 4, generator)) {
    using current = batch;
    const ours = await current.images.data();
    const size = ours.length / current.indices.length;
    for (const [position, i] of current.indices.entries()) {
      const image = ours.slice(position * size, (position + 1) * size) as Float32Array;
      largest = Math.max(largest, maxDifference(image, expected(`tensor.${i}`).data));
    }
  }
  expectWithin(`${name}, pixels, max difference`, largest, 0);
});

test('a flip without a crop keeps the evaluation\u2019s resize and centre crop', async () => {
  const augmentation = { randomResizedCrop: null, horizontalFlip: 1 };
  writeDataset({ resize: [64, 48], crop: [48, 32], ...statistics, augmentation });
  using loader = await openLoader();
  const indices = Int32Array.from(files.keys());
  const run = async (batches: ReturnType<typeof loader.evaluation>): Promise<number[][]> => {
    const rows: number[][] = [];
    for await (const batch of batches) {
      using current = batch;
      const values = [...(await current.images.data())].map(Number);
      for (let start = 0; start < values.length; start += 32) rows.push(values.slice(start, start + 32));
    }
    return rows;
  };
  const flipped = await run(loader.augmented(indices, 4, new (native().Generator)(0)));
  const straight = await run(loader.evaluation(indices, 4));
  expect(flipped.map((row) => row.toReversed())).toEqual(straight);
});

test('a batch of images that differ in size is refused with what to do', async () => {
  writeDataset({ resize: null, crop: null, ...statistics, augmentation: null });
  using loader = await openLoader();
  const run = async (): Promise<void> => {
    for await (const batch of loader.evaluation(Int32Array.from(files.keys()), 8)) batch[Symbol.dispose]();
  };
  await expect(run()).rejects.toThrow(/differ in size: .*\.jpg has .* px, and .*\.jpg .*Set a fixed resize/);
});
