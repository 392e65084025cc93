import { join } from 'node:path';
import { loadDataset } from '../../src/data/dataset.js';
import { augmentationOf, PUBLISHED_AUGMENTATION, SIMCLR } from '../../src/train/augmentation.js';
import { finetuneSettings } from '../../src/train/finetune/config.js';
import { trainErm, trainJtt } from '../../src/train/methods.js';
import { openRun } from '../../src/train/runFolder.js';
import { preparedAs } from '../../src/train/runModel.js';
import { builtRuns } from './support.js';

const runs = builtRuns();
const { folder } = runs;
const simclr = {
  randomResizedCrop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
  horizontalFlip: 0.5,
  colorJitter: { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, probability: 0.8 },
  grayscale: 0.2,
  gaussianBlur: { sigma: [0.1, 2], probability: 0.5 },
};

const configOf = async (path: string): Promise<unknown> => (await openRun(path)).config;

test('SimCLR\u2019s augmentation is recorded, and a run does not go on with another one; the dataset\u2019s is not', async () => {
  const out = join(folder, 'whole');
  const settings = { augmentation: 'simclr', batchSize: 17, epochs: 1 } as const;
  await trainErm({ ...runs.base, ...settings, out });
  expect(await configOf(out)).toMatchObject({ augmentation: simclr });
  expect(await configOf(runs.reference.path)).not.toHaveProperty('augmentation');
  const other = { ...settings, out, epochs: 2, resume: true };
  const without = { ...other, augmentation: { ...SIMCLR, gaussianBlur: undefined } } as const;
  await runs.refusal(without, 'RUN_EXISTS', /augmentation: .*gaussianBlur.* -> \{/);
  await runs.refusal({ ...other, augmentation: 'dataset' }, 'RUN_EXISTS', /augmentation: .* -> not given/);
});

test('the published code\u2019s protocol has its own, and JTT\u2019s identification takes that of the run', async () => {
  const out = join(folder, 'jtt');
  const settings = { protocol: 'released', epochs: 1, identificationEpochs: 1, upweight: 2 } as const;
  await trainJtt({ ...runs.base, ...settings, out });
  const augmentation = {
    randomResizedCrop: { scale: [0.7, 1], ratio: [3 / 4, 4 / 3] },
    horizontalFlip: 0.5,
  };
  for (const path of [out, join(out, 'identification')]) {
    expect(await configOf(path)).toMatchObject({ augmentation });
  }
});

test('crops are of the size that a vision transformer\u2019s run asks for', async () => {
  const dataset = await loadDataset(runs.base.data);
  const augmentation = augmentationOf(PUBLISHED_AUGMENTATION, dataset.preprocessing.viewAugmentation);
  const { preprocessing } = preparedAs({ imageSize: [48, 48], augmentation }, dataset);
  expect(preprocessing).toMatchObject({
    resize: [48, 48],
    crop: null,
    augmentation: { randomResizedCrop: { size: [48, 48], scale: [0.7, 1], ratio: [0.45, 0.55] } },
    viewAugmentation: { randomResizedCrop: { size: [48, 48], scale: [0.8, 1] }, horizontalFlip: 0 },
  });
});

test('a data set that asks for views without random changes gets them', async () => {
  const dataset = await loadDataset(runs.base.data);
  const plain = { ...dataset, preprocessing: { ...dataset.preprocessing, viewAugmentation: null } };
  const { config } = await openRun(runs.reference.path);
  expect(finetuneSettings({}, config, plain).viewAugmentation).toBeNull();
  expect(finetuneSettings({}, config, dataset).viewAugmentation).not.toBeNull();
});

test('parts that are left out are not there; a dataset gives the size and the ratio of crops', () => {
  expect(augmentationOf({ grayscale: 0.1 }, undefined)).toEqual({
    randomResizedCrop: null,
    horizontalFlip: 0,
    grayscale: 0.1,
  });
  const known = {
    randomResizedCrop: { size: [8, 4], scale: [1, 1], ratio: [0.4, 0.6] },
    horizontalFlip: 1,
  } as Parameters<typeof augmentationOf>[1];
  expect(augmentationOf({ scale: [0.5, 1], colorJitter: { strength: 0.5, probability: 1 } }, known)).toEqual({
    randomResizedCrop: { size: [8, 4], scale: [0.5, 1], ratio: [0.4, 0.6] },
    horizontalFlip: 0,
    colorJitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, probability: 1 },
  });
  expect(augmentationOf('simclr', known)?.randomResizedCrop?.ratio).toEqual([3 / 4, 4 / 3]);
  expect(augmentationOf(null, known)).toBeNull();
});
