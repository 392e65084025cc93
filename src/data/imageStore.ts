import { createHash } from 'node:crypto';
import { type FileHandle, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce } from '../buildOnce.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { removeFiles, removeLeftovers, writeLargeFile } from '../files.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import type { Dataset, Example } from './dataset.js';
import { decodeRgb } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import { mapOrdered } from './ordered.js';
import { makeWritable, storeFolders } from './storeFolder.js';
import { type ImageStoreIndex, pixelsPathOf, readStoreIndex, writeStoreIndex } from './storeIndex.js';

export type { ImageStoreIndex } from './storeIndex.js';

/** Raised whenever the same files would give other pixels or another layout. */
const STORE_VERSION = 1;

/** Images in flight: enough for libuv's threads, which decode, never to wait for the writer. */
const DECODING = 8;
const STATTING = 64;
const TASK = 'decoding images';

/**
 * Decodes a dataset's images to one file of raw pixels, once: later calls, in any process, find the finished file
 * as long as no image's name, size or time of change differs. It lies in `<dataset>/.spurmem/`, in the user's
 * cache when that cannot be written, or in `cacheFolder`. Stores of earlier states of the dataset are removed
 * after a build; a process that has them mapped keeps its pages.
 *
 * @returns the pixels file and where each of the dataset's examples lies in it
 * @throws SpurmemError `IMAGE_INVALID` naming an image that is missing or cannot be decoded, with its line of the
 *   table; `OUTPUT_UNWRITABLE`; `INTERRUPTED`. None leaves a file behind or touches earlier stores.
 */
export async function buildImageStore(
  dataset: Dataset,
  options: JobOptions & { cacheFolder?: string | undefined } = {},
): Promise<ImageStoreIndex> {
  throwIfAborted(options.signal, TASK);
  const files = distinctFiles(dataset.examples);
  const key = await storeKey(dataset, files, options.signal);
  const find = (folder: string) => readStoreIndex(folder, key, dataset.examples.length);

  // A finished store can be read where a new one could not be written.
  const folders = storeFolders(dataset.folder, options.cacheFolder);
  for (const folder of folders) {
    const finished = await find(folder);
    if (finished !== undefined) return finished;
  }
  const folder = await makeWritable(folders);
  return buildOnce(
    folder,
    {
      task: TASK,
      ready: () => find(folder),
      build: async () => {
        await removeLeftovers(folder);
        const index = await writeStore(dataset, files, folder, key, options);
        await removeFiles(folder, (name) => isStoreFile(name) && !name.startsWith(key));
        return index;
      },
    },
    options.signal,
  );
}

/** The first example of each file, in table order. */
function distinctFiles(examples: readonly Example[]): Example[] {
  const first = new Map<string, Example>();
  for (const example of examples) {
    if (!first.has(example.filename)) first.set(example.filename, example);
  }
  return [...first.values()];
}

/** Names the state of all images: their files, in the examples' order, with sizes and times of change. */
async function storeKey(
  dataset: Dataset,
  files: readonly Example[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const state = new Map<string, string>();
  for await (const [filename, text] of mapOrdered(files, STATTING, (file) => fileState(dataset, file))) {
    throwIfAborted(signal, TASK);
    state.set(filename, text);
  }
  const hash = createHash('sha256').update(`spurmem image store ${STORE_VERSION}\n`);
  for (const { filename } of dataset.examples) {
    hash.update(`${JSON.stringify(filename)} ${state.get(filename) ?? ''}\n`);
  }
  return hash.digest('hex');
}

async function fileState(dataset: Dataset, { filename, line }: Example): Promise<[string, string]> {
  const path = join(dataset.folder, filename);
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) throw new Error('not a file');
    return [filename, `${found.size} ${found.mtimeNs}`];
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? 'the image file is missing' : messageOf(error);
    throw new SpurmemError('IMAGE_INVALID', `${path}: ${problem}, named in ${dataset.table}:${line}.`, {
      advice: ['Restore the file, or remove that row.'],
      cause: error,
    });
  }
}

async function writeStore(
  dataset: Dataset,
  files: readonly Example[],
  folder: string,
  key: string,
  options: JobOptions,
): Promise<ImageStoreIndex> {
  const pixelsPath = pixelsPathOf(folder, key);
  const places = new Map<string, Place>();
  const written = await writeLargeFile(
    pixelsPath,
    (file) => decodeInto(file, dataset, files, places, options),
    () => expectedBytes(places, files.length),
  );
  const index = indexOf(dataset, pixelsPath, written);
  await writeStoreIndex(folder, key, index);
  return index;
}

interface Written {
  readonly bytes: number;
  readonly places: ReadonlyMap<string, Place>;
}

interface Place {
  readonly offset: number;
  readonly height: number;
  readonly width: number;
}

async function decodeInto(
  handle: FileHandle,
  dataset: Dataset,
  files: readonly Example[],
  places: Map<string, Place>,
  { onProgress, signal }: JobOptions,
): Promise<Written> {
  let bytes = 0;
  const report = () => onProgress?.({ task: TASK, done: places.size, total: files.length, unit: 'images' });
  report();
  const decode = async (file: Example) => ({ file, image: await readExampleImage(dataset, file, decodeRgb) });
  for await (const { file, image } of mapOrdered(files, DECODING, decode)) {
    throwIfAborted(signal, TASK);
    await handle.writeFile(image.pixels); // at the handle's position, all of it
    places.set(file.filename, { offset: bytes, height: image.height, width: image.width });
    bytes += image.pixels.length;
    report();
  }
  return { bytes, places };
}

/** Of all files, were they as large as those that were decoded. */
function expectedBytes(places: ReadonlyMap<string, Place>, files: number): number {
  const decoded = [...places.values()].reduce((sum, { height, width }) => sum + 3 * height * width, 0);
  return places.size === 0 ? 0 : (decoded / places.size) * files;
}

function indexOf(dataset: Dataset, pixelsPath: string, { bytes, places }: Written): ImageStoreIndex {
  const place = ({ filename }: Example): Place => {
    const found = places.get(filename);
    if (found === undefined) throw new Error(`${filename} was not decoded`);
    return found;
  };
  return {
    pixelsPath,
    bytes,
    offsets: Float64Array.from(dataset.examples, (example) => place(example).offset),
    heights: Int32Array.from(dataset.examples, (example) => place(example).height),
    widths: Int32Array.from(dataset.examples, (example) => place(example).width),
  };
}

function isStoreFile(name: string): boolean {
  return /^[0-9a-f]{64}\.(pixels|index\.json)$/.test(name);
}
