import { AsyncLocalStorage } from 'node:async_hooks';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buildOnce } from '../buildOnce.js';
import { SpurmemError, systemCode } from '../errors.js';
import { makeFolder, removeFiles, removeLeftovers, unwritable, writeLargeFile } from '../files.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { userCache } from '../userCache.js';
import type { Dataset } from './dataset.js';
import { Decoding } from './decoding.js';
import { DECODING_TASK, type ImageFiles, imageFiles, imageSizes, storeKey } from './imageFiles.js';
import { defaultDecodeBytes, MemoryBudget } from './memoryBudget.js';
import {
  type ImagePlaces,
  type ImageStoreIndex,
  pathsOf,
  readIndex,
  type StorePaths,
  writeIndex,
} from './storeIndex.js';

/** Where a store is built, and within which memory. */
interface StoreOptions extends JobOptions {
  readonly cacheFolder?: string | undefined;
  /** The bytes that images may take while they are decoded; default: `defaultDecodeBytes`. */
  readonly decodeBytes?: number | undefined;
}
type OnOpen = (store: { readonly index: ImagePlaces; readonly decoding: Decoding }) => void;

const scratchFolder = new AsyncLocalStorage<string>();

/** Runs a job that leaves no store behind: those that are not there yet are built in a folder that the caller removes. */
export function withStoresIn<Result>(folder: string, job: () => Promise<Result>): Promise<Result> {
  return scratchFolder.getStore() === undefined ? scratchFolder.run(folder, job) : job();
}

/** A store whose images may still be being decoded. */
export interface OpenImageStore {
  /** Where the pixels lie, in a file that gets its name once it is whole. */
  readonly index: ImagePlaces;
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
  const find = (folder: string) => readIndex(pathsOf(folder, key), dataset.examples.length);

  // A finished store can be read where a new one could not be written.
  const folders = storeFolders(dataset.folder, options.cacheFolder);
  const scratch = scratchFolder.getStore();
  for (const folder of scratch === undefined ? folders : [...folders, scratch]) {
    const finished = await find(folder);
    if (finished !== undefined) return finished;
  }
  const folder = await makeWritable(scratch === undefined ? folders : [scratch]);
  return buildOnce(
    folder,
    {
      task: DECODING_TASK,
      ready: () => find(folder),
      waits: () => options.onInfo?.(`Another process is ${DECODING_TASK} into ${folder}. Waiting for it.`),
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

/** Writes the pixels, and then the index. */
async function writeStore(
  dataset: Dataset,
  { files, fileOf }: ImageFiles,
  paths: StorePaths,
  options: StoreOptions,
  onOpen: OnOpen,
): Promise<ImageStoreIndex> {
  const budget = new MemoryBudget(options.decodeBytes ?? defaultDecodeBytes());
  const sizes = await imageSizes(dataset, files, options.signal, budget);
  const offsets = new Float64Array(files.length);
  let bytes = 0;
  for (const file of files.keys()) {
    offsets[file] = bytes;
    bytes += 3 * (sizes[2 * file] as number) * (sizes[2 * file + 1] as number);
  }
  const places = {
    bytes,
    offsets: Float64Array.from(fileOf, (file) => offsets[file] as number),
    heights: fileOf.map((file) => sizes[2 * file] as number),
    widths: fileOf.map((file) => sizes[2 * file + 1] as number),
  };
  const checksums = await writeLargeFile(
    paths.pixelsPath,
    async (target, temporary) => {
      // In any order, and mapped before they are there.
      await target.truncate(bytes);
      const decoding = new Decoding(dataset, { files, fileOf, offsets, sizes, bytes }, options, budget);
      onOpen({ index: { pixelsPath: temporary, ...places }, decoding });
      return decoding.run(target);
    },
    () => bytes,
  );
  const sums = Uint32Array.from(fileOf, (file) => checksums[file] as number);
  return writeIndex(paths, { pixelsPath: paths.pixelsPath, ...places }, sums);
}

function isStoreFile(name: string): boolean {
  return /^[0-9a-f]{64}\.(pixels|index\.json)$/.test(name);
}
