import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checksum } from '../../src/checksum.js';
import { BatchLoader } from '../../src/data/batches.js';
import { type Dataset, loadDataset } from '../../src/data/dataset.js';
import { openImageStore, type StoredImages } from '../../src/data/imageStore.js';
import { tryLock } from '../../src/lock.js';
import type { ProgressEvent } from '../../src/progress.js';
import { ROOT } from '../cli/support.js';
import { failure, patternImage, put, putImage, useTemporaryFolder } from './support.js';

const folder = useTemporaryFolder();
const store = () => join(folder(), '.spurmem');

/** A dataset with images of different sizes, the file of line 3 named again at the end; and their pixels. */
async function makeDataset(count = 6) {
  const pixels: Buffer[] = [];
  for (let index = 0; index < count; index++) {
    pixels.push(await putImage(join(folder(), `images/${index}.png`), 4 + index, 9 - (index % 5), index));
  }
  const names = [...pixels.keys(), 1].map((index) => `images/${index}.png,${index & 1},0,0`);
  await put(join(folder(), 'metadata.csv'), ['img_filename,y,split,place', ...names, ''].join('\n'));
  return { dataset: await loadDataset(folder()), pixels: [...pixels, pixels[1] ?? Buffer.alloc(0)] };
}

/** A dataset of some of another's examples, as a table of the same folder gives. */
function subset(dataset: Dataset, from: number, to: number): Dataset {
  return { ...dataset, examples: dataset.examples.slice(from, to) };
}

/** The file in which an example's pixels lie. */
function pathOf(stored: StoredImages, example = 0): string {
  return stored.paths[stored.fileOf[example] as number] as string;
}

/** The pixels of an example, as native code will find them. */
async function pixelsAt(stored: StoredImages, example: number): Promise<Buffer> {
  const size = 3 * (stored.heights[example] ?? 0) * (stored.widths[example] ?? 0);
  const bytes = await readFile(pathOf(stored, example));
  const offset = stored.offsets[example] ?? -1;
  return bytes.subarray(offset, offset + size);
}

async function expectPixels(stored: StoredImages, pixels: readonly Buffer[]): Promise<void> {
  for (const [example, expected] of pixels.entries())
    expect(await pixelsAt(stored, example)).toEqual(expected);
}

const files = async () => (await readdir(store())).map((name) => name.replace(/^[0-9a-f]{64}/, 'ID'));

/** The numbers of images that calls decode. */
function counter() {
  let decoded = 0;
  return { onProgress: ({ done }: ProgressEvent) => (decoded += done > 0 ? 1 : 0), decoded: () => decoded };
}

describe('openImageStore', () => {
  test('holds the pixels of every example, those of one file once, and decodes once, with progress', async () => {
    const { dataset, pixels } = await makeDataset();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent) => events.push(event);
    const stored = await openImageStore(dataset, { onProgress });
    await expectPixels(stored, pixels);
    expect([...stored.heights]).toEqual([4, 5, 6, 7, 8, 9, 5]);
    expect([...stored.widths]).toEqual([9, 8, 7, 6, 5, 9, 8]);
    expect(stored.offsets[6]).toBe(stored.offsets[1]);
    expect(await files()).toEqual(['ID.pixels']);
    expect(events).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((done) => ({ task: 'decoding images', done, total: 6, unit: 'images' })),
    );
    expect(await openImageStore(dataset, { onProgress })).toEqual(stored);
    expect(events).toHaveLength(7);
  });

  test('tables of one folder share their images: alternating, nothing is decoded twice', async () => {
    const { dataset, pixels } = await makeDataset(8);
    const { onProgress, decoded } = counter();
    for (const round of [0, 1]) {
      for (const from of [0, 2, 4]) {
        const stored = await openImageStore(subset(dataset, from, from + 5), { onProgress });
        await expectPixels(stored, pixels.slice(from, from + 5));
      }
      expect([round, decoded()]).toEqual([round, 8]);
    }
    const all = await openImageStore(dataset);
    expect(all.paths).toHaveLength(3);
    // Stored in one file, they are the same images to a run that goes on, and give the same batches.
    const batch = async (): Promise<unknown> => {
      using loader = await BatchLoader.open(dataset, { device: 'cpu' });
      const all: unknown[] = [];
      for (let index = 0; index < 9; index += 1) {
        using one = await loader.evaluation(Int32Array.of(index), 1).start(1);
        all.push(await one.images.data());
      }
      return all;
    };
    const before = await batch();
    await rm(store(), { recursive: true });
    const again = await openImageStore(dataset);
    expect([again.paths.length, again.digest]).toEqual([1, all.digest]);
    expect(await batch()).toEqual(before);
  });

  test('decodes again when an image has changed, and removes what is out of date', async () => {
    const { dataset } = await makeDataset();
    const first = await openImageStore(dataset);
    await put(join(store(), `${'a'.repeat(64)}.pixels`), 'of an earlier version');
    const changed = await putImage(join(folder(), 'images/2.png'), 3, 3, 99);
    const second = await openImageStore(dataset);
    expect(await pixelsAt(second, 2)).toEqual(changed);
    expect(second.digest).not.toBe(first.digest);
    expect(await files()).toEqual(['ID.pixels']);
    // Of the same size, written at another time.
    await utimes(join(folder(), 'images/2.png'), 1, 1);
    const third = await openImageStore(dataset);
    expect(third.paths).not.toEqual(second.paths);
    expect(third.digest).toBe(second.digest);
  });

  test.each<[string, (text: string) => string | undefined]>([
    ['the file is cut', () => ''],
    ['the file is missing', () => undefined],
    ['the index points beyond the pixels', (text) => sealed(text.replace('"heights":[4', '"heights":[4000'))],
    ['an image has no height', (text) => sealed(text.replace('"heights":[4', '"heights":[0'))],
    ['a column is short', (text) => sealed(text.replace('"heights":[4,', '"heights":['))],
    ['a bit of the index has changed', (text) => text.replace('"heights":[4', '"heights":[5')],
    ['the version is another', (text) => text.replace('spurmem3', 'spurmem4')],
  ])('decodes again when %s', async (_, damage) => {
    const { dataset, pixels } = await makeDataset();
    const path = pathOf(await openImageStore(dataset));
    const damaged = damage(await readFile(path, 'latin1'));
    if (damaged === undefined) await rm(path);
    else await writeFile(path, damaged, 'latin1');
    await expectPixels(await openImageStore(dataset), pixels);
    expect(await files()).toEqual(['ID.pixels']);
  });

  test('decodes again what comes with the data, whose archive keeps sizes and times', async () => {
    const { dataset, pixels } = await makeDataset();
    const unpack = async (): Promise<void> => {
      for (const { filename } of dataset.examples) {
        const image = join(folder(), filename);
        await writeFile(image, await readFile(image));
        await utimes(image, 1, 1);
      }
    };
    await unpack();
    const path = pathOf(await openImageStore(dataset));
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(7, 0, bytes.indexOf('{"names":')));
    await unpack();
    await expectPixels(await openImageStore(dataset), pixels);
  });

  test('clears what a killed process has left, its lock included', async () => {
    const { dataset } = await makeDataset();
    await put(join(store(), 'abc.01234567-89ab-cdef-0123-456789abcdef.tmp'), 'x');
    await mkdir(join(store(), 'build.lock'));
    await openImageStore(dataset);
    expect(await files()).toEqual(['ID.pixels']);
  });

  test('lies in the user cache when the dataset cannot be written', async () => {
    const { dataset } = await makeDataset();
    const before = process.env.XDG_CACHE_HOME;
    const cache = join(folder(), 'images/xdg');
    await mkdir(cache);
    process.env.XDG_CACHE_HOME = cache;
    await chmod(cache, 0o777);
    await chmod(folder(), 0o555);
    try {
      const stored = await withPermissions(() => openImageStore(dataset));
      expect(pathOf(stored).startsWith(join(cache, 'spurmem'))).toBe(true);
      await rm(join(cache, 'spurmem'), { recursive: true });
      await chmod(cache, 0o555);
      const refused = withPermissions(() =>
        failure(openImageStore(dataset), 'OUTPUT_UNWRITABLE', 'XDG_CACHE_HOME'),
      );
      expect((await refused).message).toContain(cache);
    } finally {
      await chmod(folder(), 0o755);
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });

  test('decodes images for the addon and for sharp into one file, whatever their number', async () => {
    const images = [
      await patternImage(20, 30, 1).png().toBuffer(),
      await patternImage(31, 17, 2).jpeg().toBuffer(),
      await patternImage(9, 40, 3).webp({ lossless: true }).toBuffer(),
    ];
    const rows = Array.from({ length: 300 }, (_, i) => `${i}.img,${i & 1},0,0`);
    for (const i of rows.keys()) await put(join(folder(), `${i}.img`), images[i % 3] as Buffer);
    await put(join(folder(), 'metadata.csv'), ['img_filename,y,split,place', ...rows, ''].join('\n'));
    const stored = await openImageStore(await loadDataset(folder()));
    for (const i of rows.keys()) {
      const [mine, first] = [await pixelsAt(stored, i), await pixelsAt(stored, i % 3)];
      expect(mine.equals(first)).toBe(true);
    }
    // Whichever is decoded first: equal images give equal bytes, so that two builders may write one file.
    const bytes = await readFile(pathOf(stored));
    await rm(store(), { recursive: true });
    expect(await openImageStore(await loadDataset(folder()))).toEqual(stored);
    expect((await readFile(pathOf(stored))).equals(bytes)).toBe(true);
    // Other pixels of an image that sharp decodes give another digest.
    await put(join(folder(), '2.img'), await patternImage(9, 40, 4).webp({ lossless: true }).toBuffer());
    expect((await openImageStore(await loadDataset(folder()))).digest).not.toBe(stored.digest);
  });
});

describe('openImageStore called at once', () => {
  test('in one process builds once', async () => {
    const { dataset } = await makeDataset();
    const { onProgress, decoded } = counter();
    const [one, ...others] = await Promise.all([1, 2, 3].map(() => openImageStore(dataset, { onProgress })));
    expect(decoded()).toBe(6);
    expect(others).toEqual([one, one]);
    expect(await files()).toEqual(['ID.pixels']);
  });

  test('in two processes builds once', async () => {
    const { pixels } = await makeDataset(60);
    const script = `
      import { loadDataset } from './dist/data/dataset.js';
      import { openImageStore } from './dist/data/imageStore.js';
      let decoded = 0;
      const onProgress = ({ done }) => { if (done > 0) decoded++; };
      const { paths } = await openImageStore(await loadDataset(process.argv[1]), { onProgress });
      console.log(JSON.stringify({ decoded, paths }));`;
    const args = ['--input-type=module', '-e', script, folder()];
    const run = () => promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const outputs = (await Promise.all([run(), run()])).map(
      ({ stdout }) => JSON.parse(stdout) as { decoded: number; paths: string[] },
    );
    expect(outputs.map(({ decoded }) => decoded).sort((a, b) => a - b)).toEqual([0, 60]);
    expect(outputs[0]?.paths).toEqual(outputs[1]?.paths);
    const index = await openImageStore(await loadDataset(folder()));
    expect(await pixelsAt(index, 59)).toEqual(pixels[59]);
    expect(await files()).toEqual(['ID.pixels']);
  });
});

describe('openImageStore refuses', () => {
  test('a truncated image, naming its line, and leaves earlier stores alone', async () => {
    const { dataset } = await makeDataset();
    const first = await openImageStore(dataset);
    const path = join(folder(), 'images/3.png');
    await truncate(path, (await stat(path)).size - 20);
    await failure(openImageStore(dataset), 'IMAGE_INVALID', path, `${dataset.table}:5`);
    expect(existsSync(pathOf(first))).toBe(true);
    expect(await files()).toEqual(['ID.pixels']);
  });

  test.each<[string, (path: string) => unknown, string]>([
    ['a missing image, naming its line', () => undefined, 'metadata.csv:3'],
    ['a folder in place of an image', (path) => mkdir(path), 'not a file'],
  ])('%s', async (_what, spoil, part) => {
    const { dataset } = await makeDataset();
    const path = join(folder(), 'images/1.png');
    await rm(path);
    await spoil(path);
    await failure(openImageStore(dataset), 'IMAGE_INVALID', path, part);
    expect(existsSync(store())).toBe(false);
  });

  test.each([
    ['missing', (path: string) => rm(path), /the image file is missing/],
    ['not images', (path: string) => writeFile(path, 'text'), /not an image in a known format/],
  ])('several images that are %s, in one message', async (_what, damage, problem) => {
    const { dataset } = await makeDataset(30);
    const bad = Array.from({ length: 25 }, (_, i) => join(folder(), `images/${i}.png`));
    for (const path of bad) await damage(path);
    const { message } = await failure(openImageStore(dataset), 'IMAGE_INVALID', '25 images cannot be read');
    const named = message.split('\n').slice(1, 11);
    for (const line of named) {
      expect(bad.filter((path) => line.includes(`  ${path}: `))).toHaveLength(1);
      expect(line).toMatch(problem);
    }
    expect(named).toEqual(named.toSorted());
    expect(message).toMatch(/and 15 more\./);
    expect((await readdir(store()).catch(() => [])).filter((name) => name.endsWith('.pixels'))).toEqual([]);
  });

  test('to go on when aborted, and leaves nothing behind', async () => {
    const { dataset } = await makeDataset(30);
    const controller = new AbortController();
    const onProgress = ({ done }: ProgressEvent) => {
      if (done === 3) controller.abort();
    };
    await failure(openImageStore(dataset, { onProgress, signal: controller.signal }), 'INTERRUPTED');
    expect(await files()).toEqual([]);
    await failure(openImageStore(dataset, { signal: controller.signal }), 'INTERRUPTED');
    expect((await openImageStore(dataset)).heights).toHaveLength(31);
  });

  test('to go on waiting for another process when aborted', async () => {
    const { dataset } = await makeDataset();
    await mkdir(store(), { recursive: true });
    const lock = await tryLock(join(store(), 'build.lock'));
    const signal = AbortSignal.timeout(300);
    await failure(openImageStore(dataset, { signal }), 'INTERRUPTED');
    await lock?.release();
  });
});

/** Runs the job as a user whom permissions stop, which root is not. */
async function withPermissions<T>(job: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return job();
  process.seteuid?.('nobody');
  try {
    return await job();
  } finally {
    process.seteuid?.(0);
  }
}

/** A file of pixels with another index, and the footer that fits it. */
function sealed(text: string): string {
  const from = text.indexOf('{"names":');
  const index = text.slice(from, -32);
  return `${text.slice(0, from)}${index}spurmem3 ${checksum(Buffer.from(index, 'latin1'))}${String(index.length).padStart(14)}\n`;
}
