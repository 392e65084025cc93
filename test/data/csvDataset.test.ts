import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DatasetOptions, loadDataset } from '../../src/data/dataset.js';
import { parseColumns } from '../../src/data/layouts/tables.js';
import { SPLITS } from '../../src/data/split.js';
import { spreadGroups, WATERBIRDS_COUNTS } from './standardSplits.js';
import { failure, put, splitsOf, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

const COLUMNS = { filename: 'path', y: 'label', split: 'fold', a: 'background' };
const WORDS = [
  'id,path,label,fold,background',
  '1,x/a.jpg,dog,train,grass',
  '2,x/b.jpg,cat,tr,sand',
  '3,x/c.jpg,dog,valid,sand',
  '4,x/d.jpg, cat ,Test,grass',
].join('\n');

async function loadWords(content = WORDS, options: DatasetOptions = { table: 'pets.csv', columns: COLUMNS }) {
  await put(join(folder(), 'pets.csv'), content);
  return loadDataset(folder(), options);
}

/** metadata.csv of Waterbirds with the standard groups. */
function waterbirdsTable(): string {
  const images = SPLITS.flatMap((split, code) =>
    spreadGroups(WATERBIRDS_COUNTS[split]).map((group) => ({ code, y: group >> 1, place: group & 1 })),
  );
  const rows = images.map(({ code, y, place }, i) => {
    const folder = `${String((i % 200) + 1).padStart(3, '0')}.Black_footed_Albatross`;
    const scene = `/${place === 1 ? 'o/ocean' : 'b/bamboo_forest'}/${String(i + 1).padStart(8, '0')}.jpg`;
    return `${i + 1},${folder}/Black_Footed_Albatross_${i}.jpg,${y},${code},${place},${scene}`;
  });
  return ['img_id,img_filename,y,split,place,place_filename', ...rows, ''].join('\n');
}

test('Waterbirds as released has the standard groups, their names, and the fingerprint of its bytes', async () => {
  const release = join(folder(), 'waterbird_complete95_forest2water2');
  const text = waterbirdsTable();
  await put(join(release, 'metadata.csv'), text);
  const dataset = await loadDataset(release);
  expect(dataset.counts).toEqual(WATERBIRDS_COUNTS);
  const bytes = `${Buffer.byteLength(text)}\n${text}`;
  expect(dataset).toMatchObject({
    minorityGroups: [1, 2],
    name: 'waterbird_complete95_forest2water2',
    groupNames: ['landbird, land', 'landbird, water', 'waterbird, land', 'waterbird, water'],
    options: { format: 'waterbirds' },
    fingerprint: createHash('sha256').update(bytes).digest('hex'),
  });
  expect(dataset.examples).toHaveLength(11_788);
  for (const format of ['auto', 'waterbirds', 'csv'] as const) {
    expect(await loadDataset(release, { format })).toEqual(dataset);
  }
});

test('SubpopBench\u2019s tables are known by their header, and ask for a choice if there are other tables', async () => {
  const rows = ['1,a.jpg,0,0,1', '2,b.jpg,0,1,0', '3,c.jpg,1,0,0', '4,d.jpg,2,1,1'];
  const table = ['id,filename,split,y,a', ...rows].join('\n');
  const root = join(folder(), 'waterbirds');
  await put(join(root, 'metadata_waterbirds.csv'), table);
  const images = 'waterbird_complete95_forest2water2';
  const dataset = await loadDataset(root, { images: `${images}/` });
  const found = dataset.examples.map(({ filename, group }) => [filename, group]);
  expect(found).toEqual(['a', 'b', 'c', 'd'].map((name, i) => [`${images}/${name}.jpg`, [1, 2, 0, 3][i]]));
  expect(dataset.groupNames[3]).toBe('waterbird, water');
  const columns = { filename: 'filename', y: 'y', split: 'split', a: 'a' };
  expect(dataset.options).toEqual({ format: 'csv', table: 'metadata_waterbirds.csv', columns, images });
  expect(await loadDataset(root, dataset.options)).toEqual(dataset);

  await put(join(folder(), 'metadata.csv'), table);
  expect([...(await loadDataset(folder())).groups]).toEqual([1, 2, 0, 3]);
  await rm(join(folder(), 'metadata.csv'));
  for (const name of ['metadata_b.csv', 'metadata_a.csv']) await put(join(folder(), name), table);
  await put(join(folder(), 'list_bbox_celeba.csv'), '');
  await failure(loadDataset(folder()), 'DATASET_NOT_FOUND', 'metadata_a.csv, metadata_b.csv. ');
  expect(await loadDataset(folder(), { table: 'metadata_b.csv' })).toMatchObject({ numGroups: 4 });
});

describe('a table with other columns', () => {
  test('numbers words in sorted order and keeps them as names', async () => {
    const dataset = await loadWords();
    expect(dataset.examples.map(({ filename, y, a, split }) => [filename, y, a, split])).toEqual([
      ['x/a.jpg', 1, 0, 'train'],
      ['x/b.jpg', 0, 1, 'train'],
      ['x/c.jpg', 1, 1, 'val'],
      ['x/d.jpg', 0, 0, 'test'],
    ]);
    expect(dataset).toMatchObject({ targetNames: ['cat', 'dog'], spuriousNames: ['grass', 'sand'] });
    expect(dataset.options).toEqual({ format: 'csv', table: 'pets.csv', columns: COLUMNS });
    expect(await loadDataset(folder(), dataset.options)).toEqual(dataset);
  });

  test('numbers words in the order of dataset.json, which may hold the mapping as well', async () => {
    const config = { table: 'pets.csv', columns: COLUMNS, targetNames: ['dog', 'cow', 'cat'] };
    await put(join(folder(), 'dataset.json'), JSON.stringify(config));
    const dataset = await loadWords(WORDS, {});
    expect(dataset.targetNames).toEqual(['dog', 'cow', 'cat']);
    expect([...dataset.labels]).toEqual([0, 2, 0, 2]);
    expect(dataset.options).toEqual({ format: 'csv', table: 'pets.csv', columns: COLUMNS });
    // The caller's own mapping goes before it.
    const swapped = { ...COLUMNS, y: 'background', a: 'label' };
    await put(join(folder(), 'dataset.json'), JSON.stringify({ ...config, targetNames: undefined }));
    expect((await loadDataset(folder(), { columns: swapped })).targetNames).toEqual(['grass', 'sand']);
  });

  test('may have another attribute than dataset.json names, where the caller asks for the table', async () => {
    await put(join(folder(), 'metadata.csv'), 'img_filename,y,split,place\nx/a.jpg,1,0,0\nx/b.jpg,0,0,1\n');
    await put(join(folder(), 'dataset.json'), JSON.stringify({ spuriousNames: ['day', 'night'] }));
    await put(join(folder(), 'pets.csv'), WORDS);
    const asked = { table: 'pets.csv', columns: COLUMNS };
    expect((await loadDataset(folder(), asked)).spuriousNames).toEqual(['grass', 'sand']);
    expect((await loadDataset(folder())).spuriousNames).toEqual(['day', 'night']);
    // One of its words is known: the other is a mistake.
    const half = WORDS.replaceAll('sand', 'night');
    await put(join(folder(), 'pets.csv'), half);
    await failure(
      loadDataset(folder(), asked),
      'DATASET_INVALID',
      '"grass" is none of the names in dataset.json',
    );
    await put(join(folder(), 'pets.csv'), half.replaceAll('grass', 'day'));
    expect((await loadDataset(folder(), asked)).spuriousNames).toEqual(['day', 'night']);
  });

  test('has a fingerprint of its bytes and its mapping, whatever the order of the keys', async () => {
    const { a, split, y, filename } = COLUMNS;
    const of = async (options?: DatasetOptions) => (await loadWords(WORDS, options)).fingerprint;
    const own = await of();
    expect(await of({ columns: { a, split, y, filename } })).toBe(own);
    expect(await of({ columns: { ...COLUMNS, y: 'background', a: 'label' } })).not.toBe(own);
    expect(await of({ columns: COLUMNS, images: 'x' })).not.toBe(own);
  });

  test('takes each word of a split', async () => {
    const words = {
      train: ['0', 'train', 'tr'],
      val: ['1', 'valid', 'validation', 'VA'],
      test: ['2', 'Test'],
    };
    const all = SPLITS.flatMap((split) => words[split].map((word) => [word, split] as const));
    const rows = all.map(([word], i) => `${i}.jpg,0,${word},0`);
    const { examples } = await loadWords(['path,label,fold,background', ...rows].join('\n'));
    expect(examples.map(({ split }) => split)).toEqual(all.map(([, split]) => split));
  });

  test.each<[string, string, string[]]>([
    ['a word among numbers', 'a,0,0,0\nb,1,0,0\nc,l,0,0', [':4', 'column label', '"l"', 'numbers']],
    ['a number among words', 'a,cat,0,0\nb,7,0,0\nc,dog,0,0', [':3', 'column label', '"7"', 'words']],
    ['a word missing', 'a.jpg,cat,0,0\nb.jpg,,0,0', [':3', 'column label', '""']],
    ['one class', 'a.jpg,cat,0,0\nb.jpg,cat,0,1', ['column label', '"cat"', 'targetNames']],
    ['an unknown split', 'a.jpg,cat,dev,0', [':2', 'column fold', '"dev"', 'validation']],
    ['too many groups', 'a.jpg,9999,0,9998', ['10000 values', '9999']],
  ])('is refused with %s', async (_, rows, parts) => {
    const loaded = loadWords(`path,label,fold,background\n${rows}`);
    await failure(loaded, 'DATASET_INVALID', join(folder(), 'pets.csv'), ...parts);
  });

  test('is refused with words that dataset.json does not name', async () => {
    await put(join(folder(), 'dataset.json'), JSON.stringify({ targetNames: ['dog', 'cats'] }));
    const place = `${join(folder(), 'pets.csv')}:3: column label: "cat" is none`;
    await failure(loadWords(), 'DATASET_INVALID', place, 'nearest are cats');
  });
});

describe('a share that missing splits take', () => {
  const rowsOf = (split: string, count: number) =>
    Array.from(
      { length: count },
      (_, i) => `${i},${split}/${i}.jpg,${i % 2 ? 'cat' : 'dog'},${split},${i % 4 > 1 ? 'sand' : 'grass'}`,
    );
  const table = (...rows: readonly string[]) => [WORDS.slice(0, WORDS.indexOf('\n')), ...rows].join('\n');
  const options = { table: 'pets.csv', columns: COLUMNS };

  test('is one of each group, in tables and lists as in folders, and the same in any copy', async () => {
    const content = table(...rowsOf('train', 40), ...rowsOf('test', 8));
    const whole = await loadWords(content);
    expect(whole.counts.val).toEqual([0, 0, 0, 0]);
    const dataset = await loadWords(content, { ...options, heldOut: 0.2 });
    expect(dataset.counts).toEqual({ train: [8, 8, 8, 8], val: [2, 2, 2, 2], test: [2, 2, 2, 2] });
    expect(dataset.options).toEqual({ format: 'csv', ...options, heldOut: 0.2 });
    expect(dataset.fingerprint).not.toBe(whole.fingerprint);
    expect(await loadWords(content, dataset.options)).toEqual(dataset);
    const valOf = ({ examples }: typeof dataset) =>
      examples.filter(({ split }) => split === 'val').map(({ line }) => line);
    const moved = await loadWords(content, { ...dataset.options, images: 'elsewhere' });
    expect(valOf(moved)).toEqual(valOf(dataset));
    await failure(
      loadWords(WORDS, { ...options, heldOut: 0.2 }),
      'USAGE',
      'val and test have images of their own',
    );
  });

  test('is both splits of a table without any', async () => {
    const { split: _split, ...columns } = COLUMNS;
    const whole = await loadWords(table(...rowsOf('train', 40)), { ...options, columns });
    expect(whole.counts.train).toEqual([10, 10, 10, 10]);
    const { counts } = await loadWords(table(...rowsOf('train', 40)), { ...options, columns, heldOut: 0.2 });
    expect(counts).toEqual({ train: [6, 6, 6, 6], val: [2, 2, 2, 2], test: [2, 2, 2, 2] });
  });

  test('is in dataset.json too, for its own table alone', async () => {
    await put(join(folder(), 'dataset.json'), JSON.stringify({ ...options, heldOut: 0.2 }));
    const dataset = await loadWords(table(...rowsOf('train', 40)), {});
    expect([dataset.counts.train, dataset.counts.test]).toEqual([
      [6, 6, 6, 6],
      [2, 2, 2, 2],
    ]);
    await put(join(folder(), 'other.csv'), WORDS);
    expect((await loadDataset(folder(), { table: 'other.csv' })).options).not.toHaveProperty('heldOut');
    const blamed = loadWords(WORDS, {});
    await failure(blamed, 'DATASET_INVALID', 'heldOut in ', 'dataset.json is 0.2');
  });

  test('leaves all rows of an image in one split', async () => {
    const rows = rowsOf('train', 40);
    const twice = rows.map((row) => row.replace(/(?:grass|sand)$/, 'snow').replace('train/', './train/'));
    const { examples } = await loadWords(table(...rows, ...twice), { ...options, heldOut: 0.2 });
    const splits = splitsOf(examples.map(({ filename, split }) => [filename, split]));
    expect([...splits.values()].every(({ size }) => size === 1)).toBe(true);
  });
});

describe('dataset options', () => {
  test('name columns that the table has, or are told which', async () => {
    const columns = { ...COLUMNS, y: 'labels', a: 'back' };
    const problem = `${join(folder(), 'pets.csv')}:1: the table lacks the columns labels, back`;
    const parts = ['which `columns` names', 'its header has id, path, label, fold, background'];
    await failure(loadWords(WORDS, { columns }), 'USAGE', problem, ...parts);
    await put(join(folder(), 'dataset.json'), JSON.stringify({ columns }));
    const described = `which columns in ${join(folder(), 'dataset.json')} names`;
    await failure(loadWords(WORDS, {}), 'DATASET_INVALID', problem, described);
    const missing = loadWords(WORDS, { format: 'waterbirds' });
    await failure(missing, 'DATASET_NOT_FOUND', join(folder(), 'metadata.csv'));
  });

  test('may be absolute paths inside the folder, as those of the images', async () => {
    const relative = await loadWords();
    const content = WORDS.replaceAll('x/', `${folder()}/x/`);
    await put(join(folder(), 'absolute.csv'), content);
    const absolute = await loadDataset(folder(), { table: join(folder(), 'absolute.csv'), columns: COLUMNS });
    expect(absolute.examples).toEqual(relative.examples);
    expect(absolute.options).toMatchObject({ table: 'absolute.csv' });
    await put(join(folder(), 'images.csv'), content.replaceAll('/x/', '/images/x/'));
    const below = { columns: COLUMNS, images: join(folder(), 'images') };
    const inFolder = await loadDataset(folder(), { ...below, table: 'images.csv' });
    expect(inFolder.examples.map(({ filename }) => filename)).toEqual(
      relative.examples.map(({ filename }) => `images/${filename}`),
    );
  });

  test('name a table that is there, or are told the nearest', async () => {
    const parts = [join(folder(), 'pet.csv'), 'The folder has pets.csv'];
    const refused = await failure(loadWords(WORDS, { table: 'pet.csv' }), 'USAGE', ...parts);
    expect(refused).toMatchObject({ parameter: 'table', value: 'pet.csv' });
  });

  test.each<[string, DatasetOptions, string]>([
    ['of two formats', { target: 'Male', table: 'a.csv' }, '`table` belongs to the format csv'],
    ['of another format', { format: 'celeba', columns: COLUMNS }, '`columns` belongs to the format csv'],
    ['with a table elsewhere', { table: '../a.csv' }, '`table`: "../a.csv" climbs out'],
    ['with images elsewhere', { images: '/data' }, '`images`: "/data" is an absolute path'],
    [
      'with a column twice',
      { columns: { ...COLUMNS, a: 'label' } },
      '`columns`: names "label" for both y and a',
    ],
    ['with an unknown format', { format: 'wilds' } as unknown as DatasetOptions, '`format`'],
    ['with an unknown key', { tables: 'a.csv' } as unknown as DatasetOptions, 'tables'],
  ])('%s are refused', async (_, options, part) => {
    const { parameter } = await failure(loadWords(WORDS, options), 'USAGE', part);
    expect(parameter).toBe(/^`?(\w+)/.exec(part)?.[1]);
  });

  test('of dataset.json are checked as well', async () => {
    await put(join(folder(), 'dataset.json'), JSON.stringify({ target: 'Male', table: 'pets.csv' }));
    const stray = `table in ${join(folder(), 'dataset.json')} belongs to the format csv`;
    await failure(loadWords(WORDS, {}), 'DATASET_INVALID', stray);
  });
});

describe('parseColumns', () => {
  test('reads a mapping in any order, with = in a name', () => {
    const expected = { filename: 'path', y: 'a=b', split: 'fold', a: 'back ground' };
    expect(parseColumns(' y=a=b, split = fold ,a=back ground,filename=path')).toEqual(expected);
  });

  test.each([
    ['', 'filename: no column is named'],
    ['filename=,y=label', 'filename: no column is named'],
    ['file=path,y=label', 'Unrecognized key: "file"'],
    ['filename=path,split=fold', 'y: no column is named'],
    ['y=a,y=b', 'the key y is there twice'],
    ['filename=path,y=label,split=fold,a=label', '"label" for both y and a'],
    ['__proto__=x', 'Unrecognized key: "__proto__"'],
  ])('refuses %j', async (text, part) => {
    await failure(() => parseColumns(text), 'USAGE', part, 'filename=path,y=label');
  });
});

test('names have a length', async () => {
  const long = 'n'.repeat(201);
  const word = /pets\.csv:2: column label: "n{20}\.\.\." has 201 characters\. Use words of at most 200/;
  await failure(loadWords(WORDS.replace('dog,train', `${long},train`)), 'DATASET_INVALID', word);
  const path = 'pets.csv:2: column path: a file name has 4097 characters';
  await failure(loadWords(WORDS.replace('x/a.jpg', `x/${'a'.repeat(4095)}`)), 'DATASET_INVALID', path);
  await put(join(folder(), 'dataset.json'), JSON.stringify({ targetNames: ['cat', long] }));
  await failure(loadWords(), 'DATASET_INVALID', 'dataset.json', /targetNames\.1/);
});

test.each([
  [{ mean: [0, 0, 0], std: [1e-38, 1, 1] }, /std/],
  [{ mean: [1e38, 0, 0], std: [1, 1, 1] }, /mean/],
])('preprocessing that makes images infinite is refused: %j', async (numbers, part) => {
  const preprocessing = { resize: null, crop: null, augmentation: null, ...numbers };
  await put(join(folder(), 'dataset.json'), JSON.stringify({ preprocessing }));
  await failure(loadWords(), 'DATASET_INVALID', part);
});

test('a table with other columns proposes which to name', async () => {
  await put(join(folder(), 'labels.csv'), 'path,label,fold\n1.png,0,0\n');
  expect((await failure(loadDataset(folder()), 'DATASET_INVALID')).message).toContain(
    'map its own with `columns` (here perhaps filename=path,y=label,split=fold)',
  );
});
