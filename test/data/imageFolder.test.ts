import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dataset, type DatasetOptions, loadDataset, requireImages } from '../../src/data/dataset.js';
import { openImageStore } from '../../src/data/imageStore.js';
import { SPLITS } from '../../src/data/split.js';
import { failure, put, putImage, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();

/** Files without pixels: a dataset's table is read without them. */
async function putFiles(...names: readonly string[]): Promise<void> {
  for (const name of names) await put(join(folder(), name), '');
}

const load = (options: DatasetOptions = {}): Promise<Dataset> => loadDataset(folder(), options);

/** Images of one class in train, by number. */
const numbered = (place: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${place}/${String(i).padStart(2, '0')}.jpg`);

const SPLIT_FILES = SPLITS.flatMap((split) =>
  ['dog/1.jpg', 'cat/1.png', 'cat/2.jpg'].map((name) => `${split}/${name}`),
);

test('a folder for each split and class: classes in sorted order, files in that of torchvision', async () => {
  const ofTrain = ['cat/1.png', 'cat/10.webp', 'cat/2.jpg', 'cat/a-b/4.JPEG', 'cat/a/c/3.jpg', 'dog/1.jpg'];
  const others = ['train/cat/notes.txt', 'train/.cache/x.jpg', 'train/stray.jpg'];
  await putFiles(...SPLIT_FILES, ...ofTrain.map((name) => `train/${name}`), ...others);
  const dataset = await load();
  expect(dataset).toMatchObject({
    table: folder(),
    targetNames: ['cat', 'dog'],
    groupNames: ['cat', 'dog'],
    spuriousNames: ['0'],
    minorityGroups: [],
    options: { format: 'imagefolder' },
  });
  const found = dataset.examples.filter(({ split }) => split === 'train');
  expect(found.map(({ filename }) => filename)).toEqual(ofTrain.map((name) => `train/${name}`));
  expect(found.map(({ y }) => y)).toEqual([0, 0, 0, 0, 0, 1]);
  expect(dataset.counts).toEqual({ train: [5, 1], val: [2, 1], test: [2, 1] });
});

test('images that sharp decodes are taken whatever their ending, and other files are counted and named', async () => {
  for (const name of ['a', 'b']) {
    for (const file of ['1.gif', '2.GIF', '3.jfif', '4.JPEG', '5.avif', '6.AVIF', '7.txt', 'README'])
      await put(join(folder(), 'train', name, file), '');
  }
  const { counts, leftOut } = await load();
  expect(counts.train).toEqual([4, 4]);
  expect(leftOut).toBe(
    `${folder()}: 8 files in the folders of classes are left out: 4 .avif, 2 .txt, 2 without an ending. Convert images among them to PNG or JPEG.`,
  );
  await rm(join(folder(), 'train'), { recursive: true });
  await putFiles(...SPLIT_FILES);
  expect((await load()).leftOut).toBeUndefined();
});

test('folders of classes without splits lead to the share to hold out', async () => {
  for (const name of ['cat', 'dog']) await putFiles(`${name}/1.jpg`, `${name}/2.jpg`);
  expect((await failure(load(), 'DATASET_NOT_FOUND')).message).toMatch(
    /cat, dog look like folders of classes without splits: .*`heldOut`, such as 0\.2/,
  );
});

test('other names of the splits, and a fingerprint that changes with the files\u2019 names alone', async () => {
  for (const split of ['Train', 'validation', 'TEST']) await putFiles(`${split}/a/1.jpg`, `${split}/b/1.jpg`);
  const { counts, fingerprint } = await load();
  expect(counts).toEqual({ train: [1, 1], val: [1, 1], test: [1, 1] });
  await put(join(folder(), 'Train/a/1.jpg'), 'other');
  expect((await load()).fingerprint).toBe(fingerprint);
  await putFiles('Train/a/4.jpg');
  expect((await load()).fingerprint).not.toBe(fingerprint);
});

test('groups by the attribute of a CSV file', async () => {
  await putFiles(...SPLIT_FILES);
  const rows = SPLIT_FILES.map((name, i) => `./${name},${['grass', 'sand'][i % 2] ?? ''}`);
  await put(join(folder(), 'places.csv'), ['image,place', ...rows].join('\r\n'));
  const dataset = await load({ attribute: 'places.csv' });
  expect(dataset.groupNames).toEqual(['cat, grass', 'cat, sand', 'dog, grass', 'dog, sand']);
  expect(dataset.options).toEqual({ format: 'imagefolder', attribute: 'places.csv' });
  expect(await load(dataset.options)).toEqual(dataset);
  const first = dataset.examples.find(({ filename }) => filename === 'train/cat/1.png');
  expect(first).toMatchObject({ y: 0, a: 1, group: 1 });
  // dataset.json says the same for all commands, and the order of names.
  const names = { targetNames: ['dog', 'cat'], spuriousNames: ['sand', 'grass'] };
  await put(join(folder(), 'dataset.json'), JSON.stringify({ attribute: 'places.csv', ...names }));
  expect((await load()).groupNames).toEqual(['dog, sand', 'dog, grass', 'cat, sand', 'cat, grass']);
});

test.each([
  ['image\na.jpg', 'places.csv:1: there is one column, and it takes two'],
  ['image,place,x\n', 'there are 3 columns'],
  ['', 'the file is empty'],
  ['image,place\ntrain/cat/1.png,0', 'train/cat/2.jpg has no row, as 8 of 9 images. Give each a row.'],
  ['image,place\ncat/1.png,0', 'places.csv:2: there is no image cat/1.png; the nearest is '],
  ['image,place\n../x.png,0', "climbs out of the dataset's folder"],
  ['image,place\ntrain/cat/1.png,0\ntrain/cat/1.png,1', 'is "1" here, and "0" above'],
])('a file of attributes that is %j is refused', async (content, message) => {
  await putFiles(...SPLIT_FILES);
  await put(join(folder(), 'places.csv'), content);
  await failure(load({ attribute: 'places.csv' }), 'DATASET_INVALID', message);
});

test('a missing split takes a share of each group of the training images, the same each time', async () => {
  const images = [...numbered('train/cat', 30), ...numbered('train/dog', 12), ...numbered('test/cat', 4)];
  await putFiles(...images, ...numbered('test/dog', 4));
  const whole = await load();
  const parts = ['the split val has no images. Add them', 'with `heldOut`, such as 0.2'];
  await failure(
    () => {
      requireImages(whole);
    },
    'DATASET_EMPTY_GROUP',
    ...parts,
  );
  const dataset = await load({ heldOut: 0.2 });
  expect(dataset.counts).toEqual({ train: [24, 10], val: [6, 2], test: [4, 4] });
  // Runs name their data by it.
  expect(dataset.fingerprint).toBe('9c7f03994d2220576e2371c3853ac24da601f9fc596972081b60ff1a29366223');
  expect(await load(dataset.options)).toEqual(dataset);
  const held = dataset.examples.filter(({ split }) => split === 'val').map(({ filename }) => filename);
  const drawn = ['03', '04', '06', '10', '14', '28'].map((name) => `train/cat/${name}.jpg`);
  expect(held).toEqual([...drawn, 'train/dog/02.jpg', 'train/dog/09.jpg']);
  await putFiles('val/cat/x.jpg', 'val/dog/x.jpg');
  const idle = '`heldOut` is 0.2, and val and test have images of their own';
  await failure(load({ heldOut: 0.2 }), 'USAGE', idle);
});

test('classes alone are divided, too', async () => {
  await putFiles(...numbered('cat', 10), ...numbered('dog', 10), ...numbered('cow', 2));
  const dataset = await load({ heldOut: 0.3 });
  // Two images do not make three splits: the error of an empty group says so.
  expect(dataset.counts).toEqual({ train: [4, 2, 4], val: [3, 0, 3], test: [3, 0, 3] });
  expect(dataset.targetNames).toEqual(['cat', 'cow', 'dog']);
  expect((await load({ format: 'imagefolder' })).counts).toMatchObject({
    train: [10, 2, 10],
    val: [0, 0, 0],
  });
});

test.each(['masks', 'more/masks/'])('masks in %s next to the classes are no class', async (masks) => {
  const images = [...numbered('cat', 10), ...numbered('dog', 10)];
  await putFiles(...images);
  const { fingerprint } = await load({ heldOut: 0.3 });
  await putFiles(...images.map((name) => join(masks, name)));
  await put(join(folder(), 'dataset.json'), JSON.stringify({ coreRegion: masks }));
  const dataset = await load({ heldOut: 0.3 });
  expect(dataset.targetNames).toEqual(['cat', 'dog']);
  expect(dataset.fingerprint).toBe(fingerprint);
});

test('absolute paths of attributes and images inside the folder are theirs', async () => {
  await putFiles(...SPLIT_FILES);
  const rows = (below: string) => [
    'image,place',
    ...SPLIT_FILES.map((file, i) => `${below}${file},${i % 2}`),
  ];
  await put(join(folder(), 'a.csv'), rows('').join('\n'));
  await put(join(folder(), 'b.csv'), rows(`${folder()}/`).join('\n'));
  const [relative, absolute] = [
    await load({ attribute: 'a.csv' }),
    await load({ attribute: join(folder(), 'b.csv') }),
  ];
  expect(absolute.examples).toEqual(relative.examples);
});

test.each([
  [{ heldOut: 0.5 }, 'USAGE', 'a share above 0 and below 0.5'],
  [{ heldOut: 0 }, 'USAGE', '`heldOut`'],
  [{ attribute: 'none.csv' }, 'USAGE', 'none.csv: the file that `attribute` names is missing'],
  [{ attribute: '/etc/passwd' }, 'USAGE', 'is an absolute path'],
  [{ attribute: 'a.csv', table: 'b.csv' }, 'USAGE', '`attribute` asks for imagefolder'],
] as const)('%j is refused', async (options, code, message) => {
  await putFiles(...SPLIT_FILES);
  await failure(load(options), code, message);
});

test('folders without images, two for one split, unknown classes, and one class alone are refused', async () => {
  await putFiles('train/stray.jpg');
  const none = 'there is no image in a folder of a class';
  await failure(load({ format: 'imagefolder' }), 'DATASET_NOT_FOUND', none);
  await putFiles(...SPLIT_FILES, 'valid/cat/1.jpg');
  await failure(load(), 'DATASET_INVALID', 'val and valid are both folders of the split val');
  await rm(join(folder(), 'valid'), { recursive: true });
  await put(join(folder(), 'dataset.json'), JSON.stringify({ targetNames: ['cats', 'dog'] }));
  const unknown = 'the folder: "cat" is none of the names in dataset.json; the nearest are cats';
  await failure(load(), 'DATASET_INVALID', unknown);
  await rm(join(folder(), 'dataset.json'));
  for (const split of SPLITS) await rm(join(folder(), split, 'dog'), { recursive: true });
  await failure(load(), 'DATASET_INVALID', 'at least two classes');
});

test('a link in a circle ends', async () => {
  await putFiles(...SPLIT_FILES);
  await symlink('..', join(folder(), 'train', 'cat', 'up'));
  await failure(load(), 'DATASET_INVALID', 'folders lie 32 deep here');
});

test('a CSV file next to the folders is read as a table', async () => {
  await putFiles(...SPLIT_FILES);
  await put(join(folder(), 'labels.csv'), 'filename,split,y,a\ntrain/cat/1.png,0,0,0\n');
  expect((await load()).options.format).toBe('csv');
  expect((await load({ format: 'imagefolder' })).options.format).toBe('imagefolder');
});

test('images are decoded as any others, and a damaged one is named without a table', async () => {
  for (const [i, name] of SPLIT_FILES.entries()) await putImage(join(folder(), name), 8, 8, i);
  const index = await openImageStore(await load());
  expect(index.heights).toHaveLength(SPLIT_FILES.length);
  await put(join(folder(), 'train/dog/1.jpg'), 'no image');
  const error = await failure(openImageStore(await load()), 'IMAGE_INVALID', 'train/dog/1.jpg');
  expect(error.message).not.toContain(':0');
  expect(error.message).toContain('Replace the file, or remove it.');
});
