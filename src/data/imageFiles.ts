// The image files of a dataset: their states, by which a store is found again, and their sizes.
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { type Addon, native } from '../native/addon.js';
import { loadDecoders } from '../native/decoders.js';
import { throwIfAborted } from '../progress.js';
import type { Dataset, Example } from './dataset.js';
import { imageSize } from './decode.js';
import { placeOf, readExampleImage } from './exampleImage.js';
import type { MemoryBudget } from './memoryBudget.js';
import { mapOrdered } from './ordered.js';

/** Raised whenever the same files would give other pixels or another layout. */
const STORE_VERSION = 2;

/** The task in messages and in progress. */
export const DECODING_TASK = 'decoding images';

/** Jobs in flight: more than there are threads, so that each finds the next one when it has finished. */
export const FILE_JOBS = Math.min(availableParallelism(), 8) + 2;
const FILES_OF_JOB = 256;

/** The addon with its decoders; undefined where it does not load, and Node and sharp do the same, file after file. */
export function addonOfFiles(): Addon | undefined {
  try {
    loadDecoders();
    return native();
  } catch {
    return undefined;
  }
}

/** Distinct files, by the first example of each in table order, and each example's. */
export interface ImageFiles {
  readonly files: readonly Example[];
  /** Positions in `files`, one an example. */
  readonly fileOf: Int32Array;
}

export function imageFiles(examples: readonly Example[]): ImageFiles {
  const numbers = new Map<string, number>();
  const files: Example[] = [];
  const fileOf = Int32Array.from(examples, (example) => {
    const known = numbers.get(example.filename);
    if (known !== undefined) return known;
    numbers.set(example.filename, files.length);
    return files.push(example) - 1;
  });
  return { files, fileOf };
}

/** Names the state of all images: their files, in the examples' order, with sizes and times of change. */
export async function storeKey(
  dataset: Dataset,
  { files, fileOf }: ImageFiles,
  signal: AbortSignal | undefined,
): Promise<string> {
  const addon = addonOfFiles();
  const states = await inJobs(files, signal, async (job) => {
    const found = await addon?.fileStates(job.map(({ filename }) => join(dataset.folder, filename)));
    const isFound = (i: number): boolean => (found?.[2 * i] ?? -1n) >= 0n;
    return mapAll(job, (file, i) =>
      isFound(i) ? `${found?.[2 * i] ?? ''} ${found?.[2 * i + 1] ?? ''}` : fileState(dataset, file),
    );
  });
  const hash = createHash('sha256').update(`spurmem image store ${STORE_VERSION}\n`);
  for (const [example, { filename }] of dataset.examples.entries()) {
    hash.update(`${JSON.stringify(filename)} ${states[fileOf[example] as number] ?? ''}\n`);
  }
  return hash.digest('hex');
}

/**
 * The images' heights and widths in pixels, [files, 2], from the files' headers.
 *
 * @param budget the memory that files may take which sharp reads
 * @throws SpurmemError `IMAGE_INVALID` naming an image of which that cannot be read, or to which a link out of the folder leads
 */
export async function imageSizes(
  dataset: Dataset,
  files: readonly Example[],
  signal: AbortSignal | undefined,
  budget: MemoryBudget,
): Promise<Int32Array> {
  const addon = addonOfFiles();
  // A link below it shows in another path.
  const folder = await realpath(dataset.folder);
  const sizes = await inJobs(files, signal, async (job) => {
    const found = await addon?.imageSizes(job.map(({ filename }) => join(folder, filename)));
    using memory = budget.share();
    return await mapAll(job, async (file, i) => {
      const [height = 0, width = 0] = found?.subarray(2 * i, 2 * i + 2) ?? [];
      if (height > 0) return { height, width };
      return readExampleImage(dataset, file, (path) => imageSize(path, memory));
    });
  });
  return Int32Array.from(sizes.flatMap(({ height, width }) => [height, width]));
}

/** Runs a task on all items in jobs of some, and gives the results in the items' order. */
async function inJobs<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal | undefined,
  task: (job: readonly Item[]) => Promise<Result[]>,
): Promise<Result[]> {
  const starts = Array.from({ length: Math.ceil(items.length / FILES_OF_JOB) }, (_, i) => i * FILES_OF_JOB);
  const results: Result[] = [];
  const jobs = mapOrdered(starts, FILE_JOBS, (start) => task(items.slice(start, start + FILES_OF_JOB)));
  for await (const done of jobs) {
    throwIfAborted(signal, DECODING_TASK);
    for (const result of done) results.push(result);
  }
  return results;
}

/** One item after the other, so that the first one that fails is named. */
async function mapAll<Item, Result>(
  items: readonly Item[],
  task: (item: Item, index: number) => Result | Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const [index, item] of items.entries()) {
    const result = task(item, index);
    results.push(result instanceof Promise ? await result : result);
  }
  return results;
}

async function fileState(dataset: Dataset, example: Example): Promise<string> {
  const path = join(dataset.folder, example.filename);
  try {
    const found = await stat(path, { bigint: true });
    if (!found.isFile()) throw new Error('not a file');
    return `${found.size} ${found.mtimeNs}`;
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? 'the image file is missing' : messageOf(error);
    const place = placeOf(dataset, example);
    throw new SpurmemError('IMAGE_INVALID', `${path}: ${problem}${place === '' ? '' : `,${place}`}.`, {
      advice: [place === '' ? 'Restore the file.' : 'Restore the file, or remove that row.'],
      cause: error,
    });
  }
}
