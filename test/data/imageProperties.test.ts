import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { propertyFindings, propertyLines } from '../../src/cli/properties.js';
import { loadDataset } from '../../src/data/dataset.js';
import { IMAGE_PROPERTIES, imageProperties } from '../../src/data/imageProperties.js';
import { temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
/** Random grey levels, the same each time. */
const noise = (seed: number, low: number, high: number): Buffer => {
  let state = seed + 1;
  return Buffer.from(
    Array.from({ length: 40 * 30 * 3 }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return low + (state % (high - low));
    }),
  );
};

beforeAll(async () => {
  for (const [name, low] of [
    ['cat', 60],
    ['dog', 90],
  ] as const) {
    await mkdir(join(folder, 'train', name), { recursive: true });
    for (let i = 0; i < 24; i += 1) {
      // The last six dogs are one photo, in other sizes of file.
      const pixels = noise(name === 'dog' && i >= 18 ? 18 : i + 100 * low, low, low + 100);
      const image = sharp(pixels, { raw: { width: 40, height: 30, channels: 3 } });
      await image.png({ compressionLevel: i % 9 }).toFile(join(folder, 'train', name, `${i}.png`));
    }
  }
});

test('properties are those of the pixels, and copies are found', async () => {
  const dataset = await loadDataset(folder, { format: 'imagefolder' });
  const { columns, duplicates } = await imageProperties(dataset, dataset.splits.train, {});
  const [first = 0] = dataset.splits.train;
  const pixels = await sharp(join(folder, dataset.examples[first]?.filename ?? ''))
    .raw()
    .toBuffer();
  const grey = Array.from({ length: 1200 }, (_, i) => {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(3 * i, 3 * i + 3);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  });
  const valueOf = (name: (typeof IMAGE_PROPERTIES)[number]): number =>
    columns[IMAGE_PROPERTIES.indexOf(name)]?.[0] ?? NaN;
  const mean = grey.reduce((sum, value) => sum + value, 0) / 1200;
  expect(valueOf('brightness')).toBeCloseTo(mean, 6);
  const variance = grey.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 1200;
  expect(valueOf('contrast')).toBeCloseTo(Math.sqrt(variance), 6);
  expect(valueOf('aspect')).toBe(40 / 30);
  const names = dataset.examples.map(({ filename }) => filename);
  const copies = new Set(
    [...duplicates].flatMap((of, i) => (of === i ? [] : [names[i] ?? '', names[of] ?? ''])),
  );
  expect([...copies].sort()).toEqual([18, 19, 20, 21, 22, 23].map((i) => `train/dog/${i}.png`));
});

test('a property that tells the classes apart is a question', async () => {
  const dataset = await loadDataset(folder, { format: 'imagefolder' });
  const { train } = dataset.splits;
  const findings = await propertyFindings(dataset, train, {});
  const lines = propertyLines(findings).join('\n');
  expect(lines).toMatch(
    /dog: more brightness than in other classes\. Is that dog, or a shortcut\? AUC 1\.00, p = 0\.00\d; such as train\/dog/,
  );
  expect(lines).not.toMatch(/aspect|wrong/);
  // Cats are wrong where they are dark.
  const isWrong = [...train].map((index) => /cat\/[0-5]\.png/.test(dataset.examples[index]?.filename ?? ''));
  const within = await propertyFindings(dataset, train, {}, isWrong);
  expect(within.filter(({ about }) => about === 'wrong')).toHaveLength(6);
  expect(propertyLines([])).toEqual(['Image properties: none goes with a class, or with being wrong.']);
});
