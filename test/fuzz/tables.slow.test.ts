import { writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import fc from 'fast-check';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { put } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, damaged, Surface, textMutations, tryCases } from './support.js';

const folder = temporaryFolder();
const surface = new Surface('tables', ['DATASET_INVALID', 'DATASET_NOT_FOUND']);

/** What loads is whole, and lies in its folder. */
function check(dataset: Dataset): void {
  const { examples, numGroups, counts, splits } = dataset;
  expect(examples.length).toBeGreaterThan(0);
  for (const { filename, y, a, group } of examples) {
    expect(relative(dataset.folder, resolve(dataset.folder, filename))).not.toMatch(/^(\.\.|\/)/);
    expect(filename).not.toContain('\0');
    expect(group).toBe(y * dataset.numSpurious + a);
    expect(group).toBeLessThan(numGroups);
  }
  const total = Object.values(counts).flat();
  expect(total.reduce((sum, count) => sum + count, 0)).toBe(examples.length);
  expect(splits.train.length + splits.val.length + splits.test.length).toBe(examples.length);
}

const rows = Array.from(
  { length: 12 },
  (_, i) => `${i},img/${i}.jpg,${i % 2},${i % 3},${(i >> 1) % 2},"a, ""b"""`,
);
const TABLES = [
  ['img_id,img_filename,y,split,place,place_filename', ...rows, ''].join('\n'),
  ['id,filename,split,y,a', 'x,a.png,tr,cat,dog', 'y,b.png,va,dog,cat', 'z,c.png,te,cat,cat', ''].join(
    '\r\n',
  ),
].map((text) => Buffer.from(text));

test('a damaged table is refused, or loads whole', async () => {
  const one = fc.record({ table: fc.constantFrom(...TABLES), list: textMutations });
  await tryCases(one, casesOf(5000, 150), async ({ table, list }) => {
    writeFileSync(join(folder, 'metadata.csv'), damaged(table, list));
    const dataset = await surface.run(() => loadDataset(folder));
    if (dataset) check(dataset);
  });
});

const NAMES = ['5_o_Clock_Shadow', 'Blond_Hair', 'Male'];
const images = Array.from({ length: 6 }, (_, i) => `00000${i}.jpg`);
const sign = (bit: number) => (bit === 0 ? '-1' : '1');
const LISTS = [
  {
    ending: 'txt',
    attributes: [
      '6',
      NAMES.join(' '),
      ...images.map((name, i) => `${name} ${sign(i % 2)}  ${sign(i & 1)} ${sign((i >> 1) & 1)}`),
      '',
    ],
    partitions: [...images.map((name, i) => `${name} ${i % 3}`), ''],
  },
  {
    ending: 'csv',
    attributes: [
      ['image_id', ...NAMES].join(),
      ...images.map((name, i) => [name, 1, sign(i & 1), sign((i >> 1) & 1)].join()),
      '',
    ],
    partitions: ['image_id,partition', ...images.map((name, i) => `${name},${i % 3}`), ''],
  },
].map(({ ending, attributes, partitions }) => ({
  folder: join(folder, ending),
  ending,
  attributes: Buffer.from(attributes.join('\n')),
  partitions: Buffer.from(partitions.join('\n')),
}));

test('damaged lists of CelebA are refused, or load whole', async () => {
  const one = fc.record({
    lists: fc.constantFrom(...LISTS),
    attributes: fc.option(textMutations, { freq: 3 }),
    partitions: fc.option(textMutations, { freq: 2 }),
  });
  await tryCases(one, casesOf(5000, 100), async ({ lists, attributes, partitions }) => {
    const at = (name: string): string => join(lists.folder, `${name}.${lists.ending}`);
    await put(at('list_attr_celeba'), damaged(lists.attributes, attributes ?? []));
    await put(at('list_eval_partition'), damaged(lists.partitions, partitions ?? []));
    const dataset = await surface.run(() => loadDataset(lists.folder, { format: 'celeba' }));
    if (dataset) check(dataset);
  });
});

afterAll(() => {
  process.stdout.write(surface.summary());
});
