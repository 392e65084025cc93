import { writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { SPLITS } from '../../src/data/split.js';
import { put } from '../data/support.js';
import { temporaryFolder } from '../temporary.js';
import { casesOf, damaged, Surface, textMutations, tryCases } from './support.js';

const folder = temporaryFolder();
const codes = ['DATASET_INVALID', 'DATASET_NOT_FOUND'] as const;
const surface = new Surface('tables', codes);
/** A column that the caller names and the table lacks is the caller's mistake. */
const named = new Surface('tables with named columns', [...codes, 'USAGE']);

/** A table that loads is whole, and lies in its folder. */
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

/** The dataset is what its table says, as read here. */
function checkTable({ examples, options, targetNames, spuriousNames }: Dataset, content: Buffer): void {
  const rows: Record<string, string>[] = parse(content, {
    bom: true,
    columns: (header: string[]) => header.map((name) => name.trim()),
    skip_empty_lines: true,
  });
  const { y, a, split } = options.format === 'csv' ? options.columns : { y: 'y', a: 'place', split: 'split' };
  const textsOf = (column = ''): string[] => rows.map((row) => row[column]?.trim() ?? '');
  const valuesOf = (texts: string[], names: readonly string[]): number[] =>
    texts.map((text) => (texts.every((one) => /^\d+$/.test(one)) ? Number(text) : names.indexOf(text)));
  expect(examples.map((example) => example.y)).toEqual(valuesOf(textsOf(y), targetNames));
  expect(examples.map((example) => example.a)).toEqual(valuesOf(textsOf(a), spuriousNames));
  expect(examples.map((example) => example.split.slice(0, 2))).toEqual(
    textsOf(split).map((text) => (SPLITS[Number(text)] ?? text.toLowerCase()).slice(0, 2)),
  );
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
const WORDS = Buffer.from(
  'id,path,label,fold,background\n1,a.jpg,dog,train,grass\n2,b.jpg,cat,tr,sand\n3,c.jpg,dog,valid,sand\n4,d.jpg, cat ,Test,grass\n',
);
const COLUMNS = { filename: 'path', y: 'label', split: 'fold', a: 'background' };

test('a damaged table is refused, or loads what it says', async () => {
  const one = fc.record({ table: fc.constantFrom(...TABLES, WORDS), list: textMutations });
  let loaded = 0;
  await tryCases(one, casesOf(5000, 150), async ({ table, list }) => {
    const content = damaged(table, list);
    const isNamed = table === WORDS;
    const name = isNamed ? 'pets.csv' : 'metadata.csv';
    writeFileSync(join(folder, name), content);
    const options = isNamed ? { table: name, columns: COLUMNS } : {};
    const dataset = await (isNamed ? named : surface).run(() => loadDataset(folder, options));
    if (!dataset) return;
    check(dataset);
    checkTable(dataset, content);
    loaded += 1;
  });
  expect(loaded).toBeGreaterThan(15);
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

test('damaged lists of CelebA are refused, or load what they say', async () => {
  const one = fc.record({
    lists: fc.constantFrom(...LISTS),
    attributes: fc.option(textMutations, { freq: 3 }),
    partitions: fc.option(textMutations, { freq: 2 }),
  });
  let loaded = 0;
  await tryCases(one, casesOf(5000, 100), async ({ lists, attributes, partitions }) => {
    const at = (name: string): string => join(lists.folder, `${name}.${lists.ending}`);
    const [ofImages, ofSplits] = [
      damaged(lists.attributes, attributes ?? []),
      damaged(lists.partitions, partitions ?? []),
    ];
    await put(at('list_attr_celeba'), ofImages);
    await put(at('list_eval_partition'), ofSplits);
    // A header may lose the name of an attribute, which is an option.
    const dataset = await named.run(() => loadDataset(lists.folder, { format: 'celeba' }));
    if (!dataset) return;
    check(dataset);
    loaded += 1;
    if (lists.ending === 'csv') return;
    const words = (text: Buffer) =>
      text
        .toString()
        .split('\n')
        .map((row) => row.trim().split(/\s+/));
    const lines = words(ofImages).filter(([cell]) => cell !== '');
    // The header is the first line of several words: that of the number may be damaged.
    const [header = [], ...rows] = lines.slice(lines.findIndex(({ length }) => length > 1));
    const splitOf = new Map(words(ofSplits).map(([name = '', code]) => [name, SPLITS[Number(code)]]));
    expect(dataset.examples.map(({ filename, y, a, split }) => [filename, y, a, split])).toEqual(
      rows.map(([name = '', ...values]) => [
        join('img_align_celeba', name),
        ...['Blond_Hair', 'Male'].map((attribute) => Number(values[header.indexOf(attribute)] === '1')),
        splitOf.get(name),
      ]),
    );
  });
  expect(loaded).toBeGreaterThan(10);
});

afterAll(() => {
  process.stdout.write(surface.summary() + named.summary());
});
