import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { buildOnce } from '../buildOnce.js';
import { SpurmemError, systemCode } from '../errors.js';
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
import type { Dataset } from './dataset.js';
import { Decoding } from './decoding.js';
import { DECODING_TASK, type ImageFiles, imageFiles, imageSizes, storeKey } from './imageFiles.js';

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

type StoreOptions = JobOptions & { readonly cacheFolder?: string | undefined };
type OnOpen = (store: { readonly index: ImageStoreIndex; readonly decoding: Decoding }) => void;

const counts = z.array(count);
/** The index in its file. */
const indexSchema = z.object({ bytes: z.number(), offsets: counts, heights: counts, widths: counts });

/** A store whose images may still be being decoded. */
export interface OpenImageStore {
  /** Where the pixels lie, in a file that gets its name once it is whole. */
  readonly index: ImageStoreIndex;
  /** Says which pixels are there; none where all are. */
  readonly decoding: Decoding | undefined;
  /** Resolves to the whole store's index. Rejects with what `buildImageStore` throws. */
  readonly finished: Promise<ImageStoreIndex>;
}

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
  options: StoreOptions = {},
): Promise<ImageStoreIndex> {
  return storeOf(dataset, options, ({ decoding }) => {
    decoding.show();
  });
}

/**
 * As `buildImageStore`, and returns as soon as the images' sizes are known: they are decoded while the first ones are used. No progress
 * is reported until `decoding.show()`.
 */
export function openImageStore(dataset: Dataset, options: StoreOptions = {}): Promise<OpenImageStore> {
  return new Promise((resolve, reject) => {
    const finished = storeOf(dataset, options, ({ index, decoding }) => {
      resolve({ index, decoding, finished });
    });
    finished.then((index) => {
      resolve({ index, decoding: undefined, finished });
    }, reject);
  });
}

/** @param onOpen called where the store is built here, before the first image is decoded */
async function storeOf(dataset: Dataset, options: StoreOptions, onOpen: OnOpen): Promise<ImageStoreIndex> {
  throwIfAborted(options.signal, DECODING_TASK);
  const files = imageFiles(dataset.examples);
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
      task: DECODING_TASK,
      ready: () => find(folder),
      build: async () => {
        await removeLeftovers(folder);
        const index = await writeStore(dataset, files, pathsOf(folder, key), options, onOpen);
        await removeFiles(folder, (name) => isStoreFile(name) && !name.startsWith(key));
        return index;
      },
    },
    options.signal,
  );
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

/** Writes the pixels, and then the index, which declares the store complete. */
async function writeStore(
  dataset: Dataset,
  { files, fileOf }: ImageFiles,
  { pixelsPath, indexPath }: StorePaths,
  options: JobOptions,
  onOpen: OnOpen,
): Promise<ImageStoreIndex> {
  const sizes = await imageSizes(dataset, files, options.signal);
  const offsets = new Float64Array(files.length);
  let bytes = 0;
  for (const file of files.keys()) {
    offsets[file] = bytes;
    bytes += 3 * (sizes[2 * file] as number) * (sizes[2 * file + 1] as number);
  }
  const content: z.infer<typeof indexSchema> = {
    bytes,
    offsets: Array.from(fileOf, (file) => offsets[file] as number),
    heights: Array.from(fileOf, (file) => sizes[2 * file] as number),
    widths: Array.from(fileOf, (file) => sizes[2 * file + 1] as number),
  };
  await writeLargeFile(
    pixelsPath,
    async (target, temporary) => {
      // In any order, and mapped before they are there.
      await target.truncate(bytes);
      const decoding = new Decoding(dataset, { files, fileOf, offsets, sizes, bytes }, options);
      onOpen({ index: indexOf(temporary, content), decoding });
      await decoding.run(target);
    },
    () => bytes,
  );
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

type StorePaths = Readonly<Record<'pixelsPath' | 'indexPath', string>>;

function pathsOf(folder: string, key: string): StorePaths {
  return { pixelsPath: join(folder, `${key}.pixels`), indexPath: join(folder, `${key}.index.json`) };
}

function isStoreFile(name: string): boolean {
  return /^[0-9a-f]{64}\.(pixels|index\.json)$/.test(name);
}
