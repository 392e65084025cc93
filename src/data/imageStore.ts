import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { buildOnce } from '../buildOnce.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import {
  makeFolder,
  removeFiles,
  removeLeftovers,
  unwritable,
  writeAtomic,
  writeLargeFile,
} from '../files.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { count } from '../recorded.js';
import { userCache } from '../userCache.js';
import type { Dataset, Example } from './dataset.js';
import { decodeRgb } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import { mapOrdered } from './ordered.js';

/** Raised whenever the same files would give other pixels or another layout. */
const STORE_VERSION = 1;

/** Images in flight: enough for libuv's threads, which decode, never to wait for the writer. */
const DECODING = 8;
const STATTING = 64;
const TASK = 'decoding images';

/**
 * Where each example's pixels lie in the file `pixelsPath` of `bytes` bytes: from byte `offsets[i]` on, example i
 * is [heights[i], widths[i], 3] uint8 in RGB order. Examples that name the same file share their pixels.
 */
export interface ImageStoreIndex {
  readonly pixelsPath: string;
  readonly bytes: number;
  readonly offsets: Float64Array;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
}

const counts = z.array(count);
/** The index in its file. */
const indexSchema = z.object({ bytes: z.number(), offsets: counts, heights: counts, widths: counts });

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
  const find = (folder: string) => readIndex(folder, key, dataset.examples.length);

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

/**
 * Where a dataset's store may lie, best place first: in the dataset's folder, else in the user's cache; or in a cache folder
 * alone. There every dataset has a folder of its own, since building one store removes the older ones beside it.
 */
function storeFolders(datasetFolder: string, cacheFolder: string | undefined): string[] {
  const own = createHash('sha256').update(datasetFolder).digest('hex').slice(0, 16);
  if (cacheFolder !== undefined) return [join(resolve(cacheFolder), own)];
  return [join(datasetFolder, '.spurmem'), join(userCache(), own)];
}

/** Makes the first of the folders that can be written to. Throws `OUTPUT_UNWRITABLE` when none can, or the disk is full. */
async function makeWritable(folders: readonly string[]): Promise<string> {
  let refusal: unknown;
  for (const folder of folders) {
    try {
      await makeFolder(folder);
      await access(folder, constants.W_OK | constants.X_OK);
      return folder;
    } catch (error) {
      refusal = unwritable(error, folder);
      const reason = error instanceof SpurmemError ? error.cause : error;
      if (!['EACCES', 'EPERM', 'EROFS'].includes(systemCode(reason) ?? '')) break;
    }
  }
  throw refusal;
}

type Place = Readonly<Record<'offset' | 'height' | 'width', number>>;

/** Writes the pixels, and then the index, which declares the store complete. */
async function writeStore(
  dataset: Dataset,
  files: readonly Example[],
  folder: string,
  key: string,
  { onProgress, signal }: JobOptions,
): Promise<ImageStoreIndex> {
  const { pixelsPath, indexPath } = pathsOf(folder, key);
  const places = new Map<string, Place>();
  let bytes = 0;
  const report = () => onProgress?.({ task: TASK, done: places.size, total: files.length, unit: 'images' });
  const decode = async (file: Example) => ({
    filename: file.filename,
    image: await readExampleImage(dataset, file, decodeRgb),
  });
  await writeLargeFile(
    pixelsPath,
    async (handle) => {
      report();
      for await (const { filename, image } of mapOrdered(files, DECODING, decode)) {
        throwIfAborted(signal, TASK);
        await handle.writeFile(image.pixels); // at the handle's position, all of it
        places.set(filename, { offset: bytes, height: image.height, width: image.width });
        bytes += image.pixels.length;
        report();
      }
    },
    // The bytes of all files, were they as large as those that were decoded.
    () => (places.size === 0 ? 0 : (bytes / places.size) * files.length),
  );
  const found = dataset.examples.map(({ filename }) => places.get(filename) as Place);
  const content: z.infer<typeof indexSchema> = {
    bytes,
    offsets: found.map(({ offset }) => offset),
    heights: found.map(({ height }) => height),
    widths: found.map(({ width }) => width),
  };
  await writeAtomic(indexPath, JSON.stringify(content));
  return indexOf(pixelsPath, content);
}

/**
 * The index of a complete store of so many examples, or undefined when there is none or its files do not fit each other. Every
 * example is checked to lie inside the pixels file, since native code reads it through a memory map.
 */
async function readIndex(
  folder: string,
  key: string,
  numExamples: number,
): Promise<ImageStoreIndex | undefined> {
  const { pixelsPath, indexPath } = pathsOf(folder, key);
  let content: z.infer<typeof indexSchema>;
  try {
    content = indexSchema.parse(JSON.parse(await readFile(indexPath, 'utf8')));
    if ((await stat(pixelsPath)).size !== content.bytes) return undefined;
  } catch {
    return undefined; // missing or damaged: it is built again
  }
  const { bytes, offsets, heights, widths } = content;
  const fits =
    [offsets, heights, widths].every((list) => list.length === numExamples) &&
    offsets.every((offset, index) => offset + (heights[index] ?? 0) * (widths[index] ?? 0) * 3 <= bytes);
  return fits ? indexOf(pixelsPath, content) : undefined;
}

function indexOf(
  pixelsPath: string,
  { bytes, offsets, heights, widths }: z.infer<typeof indexSchema>,
): ImageStoreIndex {
  return {
    pixelsPath,
    bytes,
    offsets: Float64Array.from(offsets),
    heights: Int32Array.from(heights),
    widths: Int32Array.from(widths),
  };
}

function pathsOf(folder: string, key: string) {
  return { pixelsPath: join(folder, `${key}.pixels`), indexPath: join(folder, `${key}.index.json`) };
}

function isStoreFile(name: string): boolean {
  return /^[0-9a-f]{64}\.(pixels|index\.json)$/.test(name);
}
