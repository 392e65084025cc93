import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { create } from 'tar';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { importDataset, type ImportOptions } from '../../src/data/import/importDataset.js';
import { messageOf, SpurmemError } from '../../src/errors.js';
import { reference } from '../parity/python.js';
import { temporaryFolder } from '../temporary.js';
import { type Claims, craftedParquet, run } from './craftedParquet.js';
import { failure, put, putImage } from './support.js';

const folder = temporaryFolder();
/** [split, SHA-256 of the bytes, class, place] of each image, as pyarrow reads them. */
let expected: readonly (readonly [split: string, sum: string, y: string, a: string])[];
const places: ImportOptions = { attributeColumn: 'place' };

beforeAll(() => {
  expected = JSON.parse(reference('hub_data', { folder, train: 300 })) as typeof expected;
}, 120_000);

async function rowsOf({ folder: root, examples, targetNames, spuriousNames }: Dataset) {
  return Promise.all(
    examples.map(async ({ filename, split, y, a }) => {
      const sum = createHash('sha256').update(await readFile(join(root, filename)));
      return [split, sum.digest('hex'), targetNames[y], spuriousNames[a]];
    }),
  );
}

test.each([
  ['parquet', places],
  ['zstd', places],
  ['gzip', places],
  ['brotli', places],
  ['lz4', places],
  ['none', places],
  ['disk', places],
  ['tar', { ...places, classColumn: 'kind' }],
] as const)('%s is imported with the bytes and labels that pyarrow reads', async (name, options) => {
  const events: number[] = [];
  const onProgress = ({ done, total }: { done: number; total: number }): void =>
    void events.push(done / total);
  const imported = await importDataset(join(folder, name), join(folder, `out-${name}`), options, {
    onProgress,
  });
  expect(await rowsOf(imported)).toEqual(expected);
  expect(events.at(-1)).toBe(1);
  expect(events).toEqual(events.toSorted((a, b) => a - b));
  // Labels are in the source's order, not sorted; words have none.
  expect(imported.spuriousNames).toEqual(name === 'tar' ? ['land', 'water'] : ['water', 'land']);
});

test('a column gives the split; captions are kept', async () => {
  const options = { classColumn: 'kind', splitColumn: 'fold' };
  const one = await importDataset(join(folder, 'one', 'all.parquet'), join(folder, 'out-one'), options);
  expect((await rowsOf(one)).map(([split, sum, y]) => [split, sum, y])).toEqual(
    expected.map(([split, sum, y]) => [split, sum, y]),
  );
  const table = await readFile(join(folder, 'out-parquet', 'metadata.csv'), 'utf8');
  expect(table.split('\n')[1]).toMatch(/^images\/0000000\.png,test,land bird,water,"a ""bird"", number 0"$/);
});

test('a stopped import goes on where it was, and a finished one is returned', async () => {
  for (const name of ['parquet', 'disk', 'tar']) {
    const out = join(folder, `stopped-${name}`);
    const options = name === 'tar' ? { ...places, classColumn: 'kind' } : places;
    const stop = new AbortController();
    // Within the second file, behind its first chunk.
    const onProgress = ({ done, total }: { done: number; total: number }): void => {
      if (done / total > 0.2) stop.abort();
    };
    const started = importDataset(join(folder, name), out, options, { signal: stop.signal, onProgress });
    await failure(started, 'INTERRUPTED');
    await failure(loadDataset(out), 'DATASET_NOT_FOUND');
    const unfinished = join(out, 'metadata.csv.unfinished');
    const written = await readFile(unfinished, 'utf8');
    expect(written.split('\n').length).toBeGreaterThan(22);
    // A line that a killed process left.
    await writeFile(unfinished, `${written}images/00`);
    const first = join(out, 'images', (await readdir(join(out, 'images'))).sort()[0] ?? '');
    await writeFile(first, 'not written again');
    const done = await importDataset(join(folder, name), out, options);
    const rows = await rowsOf(done);
    expect(rows.slice(1)).toEqual(expected.slice(1));
    // The last rows of the first chunks were not written a second time.
    expect(await readFile(first, 'utf8')).toBe('not written again');
    expect((await importDataset(join(folder, name), out, options)).fingerprint).toBe(done.fingerprint);
    await failure(
      importDataset(join(folder, name), out, { ...options, imageColumn: 'x' }),
      'USAGE',
      'or with other columns',
    );
  }
});

test('data that are not read name the command that imports them', async () => {
  for (const [name, words] of [
    ['parquet', 'It holds parquet, a format of the Hugging Face Hub.'],
    ['disk', 'It holds Arrow, the format of save_to_disk.'],
    ['tar/test-000000.tar', 'It holds tar, perhaps a WebDataset.'],
  ] as const) {
    const source = join(folder, name);
    await failure(loadDataset(source), 'DATASET_NOT_FOUND', words, `npx spurmem dataset import ${source}`);
  }
});

test('columns, labels and images that are wrong are named', async () => {
  const wrong = (
    source: string,
    options: ImportOptions,
    code: 'USAGE' | 'DATASET_INVALID' | 'DATASET_NOT_FOUND',
    ...parts: string[]
  ) => failure(importDataset(join(folder, source), join(folder, 'wrong'), options), code, ...parts);
  await wrong(
    'parquet',
    { attributeColumn: 'sky' },
    'USAGE',
    'no column "sky": its columns are image, label, place, caption, box',
  );
  await wrong('tar', {}, 'USAGE', 'no column that looks like the class', '`classColumn`');
  await wrong('nowhere', {}, 'DATASET_NOT_FOUND', '.parquet, .arrow, .tar');
  await put(join(folder, 'full', 'mine.txt'), '');
  await failure(
    importDataset(join(folder, 'tar'), join(folder, 'full'), places),
    'USAGE',
    'holds other files, such as mine.txt',
  );
  await wrong(
    'one',
    { classColumn: 'kind', splitColumn: 'kind' },
    'DATASET_INVALID',
    '"land bird" is no split',
  );
});

test('an image without a label is refused', async () => {
  const imported = importDataset(join(folder, 'unlabelled'), join(folder, 'out-unlabelled'));
  await failure(imported, 'DATASET_INVALID', 'train.parquet, row 1: column label is empty');
});

test('tar files with links, foreign names and torn samples are refused or harmless', async () => {
  const source = join(folder, 'tars');
  const entry = join(source, 'content');
  await putImage(join(entry, '1.png'), 8, 8, 1);
  await put(join(entry, '1.cls'), '0');
  await putImage(join(entry, '2.png'), 8, 8, 2);
  await put(join(entry, '2.cls'), '1');
  const torn = async (name: string, files: readonly string[], prefix = ''): Promise<Dataset> => {
    await create({ file: join(source, `${name}.tar`), cwd: entry, preservePaths: true, prefix }, [...files]);
    return importDataset(join(source, `${name}.tar`), join(folder, `out-${name}`));
  };
  await failure(
    torn('torn', ['1.png', '2.png', '2.cls', '1.cls']),
    'DATASET_INVALID',
    'the files of "1" are not next to each other',
  );
  await failure(
    torn('half', ['1.png', '1.cls', '2.cls']),
    'DATASET_INVALID',
    'half.tar, row 1: there are no bytes of an image',
  );
  await failure(torn('text', ['1.cls']), 'USAGE', 'no column that looks like images');
  await symlink('/etc/passwd', join(entry, '3.png'));
  await failure(
    torn('link', ['1.png', '1.cls', '3.png']),
    'DATASET_INVALID',
    'is a SymbolicLink, not a file',
  );
  const { examples } = await torn('outside', ['1.png', '1.cls', '2.png', '2.cls'], '../../evil');
  expect(examples.map(({ filename }) => filename)).toEqual(['images/0000000.png', 'images/0000001.png']);
  expect(existsSync(join(folder, '..', 'evil'))).toBe(false);
});

test('99 damaged files: an error that names the file, or an import; nothing outside of the folder', async () => {
  let seed = 1;
  const random = (below: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  const before = (await readdir(folder)).sort();
  const outcomes = { refused: 0, imported: 0 };
  for (let i = 0; i < 99; i += 1) {
    const [source, options] = [
      ['parquet/test-00000-of-00001.parquet', places],
      ['disk/test/data-00000-of-00001.arrow', places],
      ['tar/test-000000.tar', { ...places, classColumn: 'kind' }],
    ][i % 3] as [string, ImportOptions];
    const bytes = await readFile(join(folder, source));
    // The ends have the metadata.
    const changes = 1 + random(12);
    for (let change = 0; change < changes; change += 1) {
      const at =
        random(4) === 0
          ? random(bytes.length)
          : ([random(512), bytes.length - 1 - random(2000)][random(2)] ?? 0);
      bytes[at] = random(3) === 0 ? 255 : random(256);
    }
    const damaged = random(5) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    const file = join(folder, `damaged${source.slice(source.lastIndexOf('.'))}`);
    await writeFile(file, damaged);
    const out = join(folder, 'damaged-out');
    try {
      await importDataset(file, out, options);
      outcomes.imported += 1;
    } catch (error) {
      if (!(error instanceof SpurmemError)) throw new Error(`${i}: ${messageOf(error)}`, { cause: error });
      expect(error.message).toContain('damaged');
      expect(error.message.length).toBeLessThan(1000);
      outcomes.refused += 1;
    }
    await rm(file);
    await rm(out, { recursive: true, force: true });
  }
  expect(outcomes.refused).toBeGreaterThan(40);
  expect((await readdir(folder)).sort()).toEqual(before);
}, 120_000);

const HUGE = 2 ** 31 - 1;
const zeros = Buffer.alloc(24);
const indices = { encoding: 8, dictionary: { body: zeros } };
const bitWidth = Buffer.from([2]);

test.each<readonly [claim: string, claims: Claims, problem: string]>([
  [
    'values',
    { values: HUGE },
    'page of its column label cannot be decoded: it claims 2147483647 values, and can',
  ],
  ['negative values', { values: -5 }, 'it claims -5 values, and can have 3'],
  ['a run of levels', { levels: run(HUGE) }, 'it claims a run of 2147483647 values, and has 3'],
  ['levels of version 2', { v2: {}, levels: run(HUGE) }, 'it claims a run of 2147483647 values, and has 3'],
  ['bytes of levels', { v2: { levels: -7 } }, 'it claims -7 bytes of levels'],
  [
    'a run of indices',
    { ...indices, body: Buffer.concat([bitWidth, run(HUGE)]) },
    'claims a run of 2147483647',
  ],
  [
    'an index',
    { ...indices, body: Buffer.concat([bitWidth, run(3, 3)]) },
    'that its dictionary does not have',
  ],
  [
    'values of a dictionary',
    { ...indices, dictionary: { values: HUGE, body: zeros } },
    'values, and can have 24',
  ],
  ['no dictionary', { encoding: 8, body: Buffer.concat([bitWidth, run(3)]) }, 'it lacks its dictionary'],
  ['a size', { size: HUGE }, 'it claims 30 bytes, of 51 (decompressed: 2147483647)'],
  ['a size within bounds', { size: 2 ** 29 }, 'page length 30 does not match header 536870912'],
  ['no stored bytes', { compressed: null }, 'it claims no bytes, of 45'],
  ['negative stored bytes', { compressed: -40 }, 'it claims -40 bytes'],
  [
    'more than its size',
    { codec: 4, stored: brotliCompressSync(Buffer.alloc(1e8)), size: 30 },
    'it is damaged',
  ],
  ['an unknown encoding', { encoding: 77 }, 'it has an encoding that is not supported'],
  ['rows', { rows: 2n ** 53n }, 'it claims 9007199254740992 rows, which its groups or its bytes do not have'],
  ['bytes of a column', { chunkSize: 2n ** 53n }, 'its column label claims the bytes from 63 to'],
  ['a column outside', { offset: -4 }, 'its column label claims the bytes from -4 to 43, and it has'],
  ['elements of a list', { schemaElements: 2 ** 25 }, 'it claims a list of 33554432 elements'],
  ['columns', { children: HUGE }, 'cannot be read: it is damaged'],
  ['a footer', { footer: 2 ** 32 - 1 }, 'it does not end with the footer of a parquet file'],
])('a parquet file that lies about %s is refused before it takes memory', async (_claim, claims, problem) => {
  const file = join(folder, 'crafted.parquet');
  await put(file, craftedParquet(claims));
  await failure(importDataset(file, join(folder, 'crafted')), 'DATASET_INVALID', problem, 'crafted.parquet');
  await put(file, craftedParquet());
  expect((await importDataset(file, join(folder, 'crafted'))).examples).toHaveLength(3);
  await rm(join(folder, 'crafted'), { recursive: true });
});
