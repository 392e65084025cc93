import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checksum } from '../../src/checksum.js';
import { loadDataset } from '../../src/data/dataset.js';
import { buildImageStore } from '../../src/data/imageStore.js';
import type { ImageStoreIndex } from '../../src/data/storeIndex.js';
import { tryLock } from '../../src/lock.js';
import type { ProgressEvent } from '../../src/progress.js';
import { ROOT } from '../cli/support.js';
import { failure, put, putImage, useTemporaryFolder } from './support.js';

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

/** The pixels of example `index`, as native code will find them. */
async function pixelsAt(index: ImageStoreIndex, example: number): Promise<Buffer> {
  const size = (index.heights[example] ?? 0) * (index.widths[example] ?? 0) * 3;
  const bytes = Buffer.alloc(size);
  const handle = await open(index.pixelsPath);
  await handle.read(bytes, 0, size, index.offsets[example] ?? -1);
  await handle.close();
  return bytes;
}

/** Tells a file that was written again from one that was not. */
async function identity(path: string): Promise<string> {
  const { ino, mtimeNs } = await stat(path, { bigint: true });
  return `${ino} ${mtimeNs}`;
}

const files = async () => (await readdir(store())).map((name) => name.replace(/^[0-9a-f]{64}/, 'KEY')).sort();

describe('buildImageStore', () => {
  test('holds the pixels of every example, those of one file once', async () => {
    const { dataset, pixels } = await makeDataset();
    const index = await buildImageStore(dataset);
    for (const [example, expected] of pixels.entries()) {
      expect(await pixelsAt(index, example)).toEqual(expected);
    }
    expect([...index.heights]).toEqual([4, 5, 6, 7, 8, 9, 5]);
    expect([...index.widths]).toEqual([9, 8, 7, 6, 5, 9, 8]);
    expect(index.offsets[6]).toBe(index.offsets[1]);
    expect(Array.from(index.checksums, (sum) => sum.toString(16).padStart(8, '0'))).toEqual(
      pixels.map((bytes) => checksum(bytes)),
    );
    expect(index.bytes).toBe((await stat(index.pixelsPath)).size);
    expect(index.bytes).toBe(pixels.slice(0, 6).reduce((sum, { length }) => sum + length, 0));
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });

  test('decodes once, with progress', async () => {
    const { dataset } = await makeDataset();
    const events: ProgressEvent[] = [];
    const onProgress = (event: ProgressEvent) => events.push(event);
    const first = await buildImageStore(dataset, { onProgress });
    expect(events).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((done) => ({ task: 'decoding images', done, total: 6, unit: 'images' })),
    );
    const before = await identity(first.pixelsPath);
    expect(await buildImageStore(dataset, { onProgress })).toEqual(first);
    expect(await identity(first.pixelsPath)).toBe(before);
    expect(events).toHaveLength(7);
  });

  test('decodes again when an image has changed, and removes the older store', async () => {
    const { dataset } = await makeDataset();
    const first = await buildImageStore(dataset);
    const changed = await putImage(join(folder(), 'images/2.png'), 3, 3, 99);
    const second = await buildImageStore(dataset);
    expect(second.pixelsPath).not.toBe(first.pixelsPath);
    expect(await pixelsAt(second, 2)).toEqual(changed);
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });

  test('decodes again when the same size was written at another time', async () => {
    const { dataset } = await makeDataset();
    const first = await buildImageStore(dataset);
    await utimes(join(folder(), 'images/2.png'), 1, 1);
    expect((await buildImageStore(dataset)).pixelsPath).not.toBe(first.pixelsPath);
  });

  test.each([
    ['the pixels are cut', (index: ImageStoreIndex) => truncate(index.pixelsPath, 10)],
    ['the pixels are missing', (index: ImageStoreIndex) => rm(index.pixelsPath)],
    ['the index is cut', (index: ImageStoreIndex) => truncate(indexOf(index), 10)],
    ['the index is missing', (index: ImageStoreIndex) => rm(indexOf(index))],
    [
      'the index points beyond the pixels',
      async (index: ImageStoreIndex) => {
        const text = await readFile(indexOf(index), 'utf8');
        await writeFile(indexOf(index), sealed(text.replace(/"heights":\[4/, '"heights":[4000')));
      },
    ],
    [
      'an image has no height',
      async (index: ImageStoreIndex) => {
        const text = await readFile(indexOf(index), 'utf8');
        await writeFile(indexOf(index), sealed(text.replace(/"heights":\[4/, '"heights":[0')));
      },
    ],
    [
      'a bit of the index has changed',
      async (index: ImageStoreIndex) => {
        const text = await readFile(indexOf(index), 'utf8');
        await writeFile(indexOf(index), text.replace(/"heights":\[4/, '"heights":[5'));
      },
    ],
  ])('builds again when %s', async (_, damage) => {
    const { dataset, pixels } = await makeDataset();
    await damage(await buildImageStore(dataset));
    const index = await buildImageStore(dataset);
    expect(await pixelsAt(index, 5)).toEqual(pixels[5]);
    expect(index.heights[0]).toBe(4);
  });

  test('clears what a killed process has left, its lock included', async () => {
    const { dataset } = await makeDataset();
    await put(join(store(), 'abc.01234567-89ab-cdef-0123-456789abcdef.tmp'), 'x');
    await mkdir(join(store(), 'build.lock'));
    await utimes(join(store(), 'build.lock'), 1, 1);
    await buildImageStore(dataset);
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });

  test('lies in the cache folder when one is given, apart from other datasets', async () => {
    const { dataset } = await makeDataset();
    const cacheFolder = join(folder(), 'cache');
    const index = await buildImageStore(dataset, { cacheFolder });
    expect(index.pixelsPath.startsWith(cacheFolder)).toBe(true);
    expect(existsSync(store())).toBe(false);
    const other = await buildImageStore(
      { ...dataset, examples: dataset.examples.slice(0, 2) },
      { cacheFolder },
    );
    expect(other.bytes).toBeLessThan(index.bytes);
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
      const index = await withPermissions(() => buildImageStore(dataset));
      expect(index.pixelsPath.startsWith(join(cache, 'spurmem'))).toBe(true);
    } finally {
      await chmod(folder(), 0o755);
      if (before === undefined) delete process.env.XDG_CACHE_HOME;
      else process.env.XDG_CACHE_HOME = before;
    }
  });

  test('says when its folder cannot be made', async () => {
    const { dataset } = await makeDataset();
    const cacheFolder = join(folder(), 'metadata.csv');
    await failure(buildImageStore(dataset, { cacheFolder }), 'OUTPUT_UNWRITABLE', cacheFolder);
  });
});

describe('buildImageStore called at once', () => {
  test('in one process builds once', async () => {
    const { dataset } = await makeDataset();
    let decoded = 0;
    const onProgress = ({ done }: ProgressEvent) => (decoded += done > 0 ? 1 : 0);
    const indices = await Promise.all([1, 2, 3].map(() => buildImageStore(dataset, { onProgress })));
    expect(decoded).toBe(6);
    expect(indices[1]).toEqual(indices[0]);
    expect(indices[2]).toEqual(indices[0]);
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });

  test('in two processes builds once', async () => {
    const { pixels } = await makeDataset(60);
    const script = `
      import { loadDataset } from './dist/data/dataset.js';
      import { buildImageStore } from './dist/data/imageStore.js';
      let decoded = 0;
      const onProgress = ({ done }) => { if (done > 0) decoded++; };
      const { pixelsPath } = await buildImageStore(await loadDataset(process.argv[1]), { onProgress });
      console.log(JSON.stringify({ decoded, pixelsPath }));`;
    const args = ['--input-type=module', '-e', script, folder()];
    const run = () => promisify(execFile)(process.execPath, args, { cwd: ROOT });
    const outputs = (await Promise.all([run(), run()])).map(
      ({ stdout }) => JSON.parse(stdout) as { decoded: number; pixelsPath: string },
    );
    expect(outputs.map(({ decoded }) => decoded).sort((a, b) => a - b)).toEqual([0, 60]);
    expect(outputs[0]?.pixelsPath).toBe(outputs[1]?.pixelsPath);
    const index = await buildImageStore(await loadDataset(folder()));
    expect(await pixelsAt(index, 59)).toEqual(pixels[59]);
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });
});

describe('buildImageStore refuses', () => {
  test('a truncated image, naming its line, and leaves earlier stores alone', async () => {
    const { dataset } = await makeDataset();
    const first = await buildImageStore(dataset);
    const path = join(folder(), 'images/3.png');
    await truncate(path, (await stat(path)).size - 20);
    await failure(buildImageStore(dataset), 'IMAGE_INVALID', path, `${dataset.table}:5`);
    expect(existsSync(first.pixelsPath)).toBe(true);
    expect(await files()).toEqual(['KEY.index.json', 'KEY.pixels']);
  });

  test('a missing image, naming its line', async () => {
    const { dataset } = await makeDataset();
    await rm(join(folder(), 'images/1.png'));
    await failure(
      buildImageStore(dataset),
      'IMAGE_INVALID',
      join(folder(), 'images/1.png'),
      `${dataset.table}:3`,
    );
    expect(existsSync(store())).toBe(false);
  });

  test('a folder in place of an image', async () => {
    const { dataset } = await makeDataset();
    await rm(join(folder(), 'images/1.png'));
    await mkdir(join(folder(), 'images/1.png'));
    await failure(buildImageStore(dataset), 'IMAGE_INVALID', 'not a file');
  });

  test('to go on when aborted, and leaves nothing behind', async () => {
    const { dataset } = await makeDataset(30);
    const controller = new AbortController();
    const onProgress = ({ done }: ProgressEvent) => {
      if (done === 3) controller.abort();
    };
    await failure(buildImageStore(dataset, { onProgress, signal: controller.signal }), 'INTERRUPTED');
    expect(await files()).toEqual([]);
    await failure(buildImageStore(dataset, { signal: controller.signal }), 'INTERRUPTED');
    expect((await buildImageStore(dataset)).heights).toHaveLength(31);
  });

  test('to go on waiting for another process when aborted', async () => {
    const { dataset } = await makeDataset();
    await mkdir(store(), { recursive: true });
    const lock = await tryLock(join(store(), 'build.lock'));
    const signal = AbortSignal.timeout(300);
    await failure(buildImageStore(dataset, { signal }), 'INTERRUPTED');
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

/** An index's file with the checksum of its content. */
function sealed(text: string): string {
  const content = text.replace(/"crc32":"\w+",/, '');
  return text.replace(/(?<="crc32":")\w+/, checksum(content));
}

function indexOf({ pixelsPath }: ImageStoreIndex): string {
  return pixelsPath.replace(/pixels$/, 'index.json');
}

test('an image that takes more memory than is allowed is refused, with its line', async () => {
  const { dataset } = await makeDataset();
  await failure(
    buildImageStore(dataset, { decodeBytes: 500 }),
    'IMAGE_INVALID',
    /images\/\d\.png: it needs 0 MB of memory when it is decoded, and 0 MB are allowed by `decodeMemory`; .*metadata\.csv:\d/,
  );
  expect(await files()).toEqual([]);
});

// Of one image for sharp, and of one for the addon.
test.each([6000, 1_060_000])(
  'images are decoded one after the other in %d bytes, to the same pixels',
  async (decodeBytes) => {
    const { dataset, pixels } = await makeDataset(20);
    const index = await buildImageStore(dataset, { decodeBytes });
    for (const [example, expected] of pixels.entries())
      expect(await pixelsAt(index, example)).toEqual(expected);
  },
);

test('one that fails ends those that wait for memory', async () => {
  const { dataset } = await makeDataset(20);
  const path = join(folder(), 'images/3.png');
  await truncate(path, (await stat(path)).size - 20);
  for (const decodeBytes of [6000, 1_060_000])
    await failure(buildImageStore(dataset, { decodeBytes }), 'IMAGE_INVALID', 'images/3.png');
});
