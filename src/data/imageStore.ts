// The image store: each image of a dataset decoded once, to files of raw pixels that native code maps.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { buildOnce } from '../buildOnce.js';
import { checksum } from '../checksum.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import {
  makeFolder,
  removeFiles,
  removeLeftovers,
  requireReadable,
  unwritable,
  writeLargeFile,
} from '../files.js';
import { loadDecoders, native } from '../native/addon.js';
import type { Addon } from '../native/interface.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { count } from '../recorded.js';
import { userCache } from '../userCache.js';
import * as z from '../zod.js';
import type { Dataset, Example } from './dataset.js';
import { decodeRgb, type RgbImage } from './decode.js';
import { linkOut, readExampleImage, withLine } from './exampleImage.js';
import { mapOrdered } from './ordered.js';

const TASK = 'decoding images';
/** The store's folder in a dataset. */
const STORE = '.spurmem';
/** Jobs in flight, more than there are threads, so that none waits for JavaScript. */
const JOBS = Math.min(availableParallelism(), 8) + 2;
const FILES_PER_JOB = 32;
/** As in native/decoders.cpp. */
const MAX_JOB_BYTES = 2 ** 26;
const STATS_AT_ONCE = 64;

/** The places of a dataset's decoded images. */
export interface StoredImages {
  /** Files of pixels. */
  readonly paths: readonly string[];
  /** Position in `paths`, one per example. */
  readonly fileOf: Int32Array;
  /** From byte `offsets[i]` on, example i is [heights[i], widths[i], 3] uint8 in RGB order. */
  readonly offsets: Float64Array;
  readonly heights: Int32Array;
  readonly widths: Int32Array;
  /** SHA-256 of the images' sizes and checksums: equal if all pixels are. */
  readonly digest: string;
}

/** A file of pixels ends with an index: a column per field, an entry per image. */
const indexSchema = z.object({
  names: z.array(z.string()),
  /** The image file's size and times of change when it was decoded. */
  states: z.array(z.string()),
  offsets: z.array(count),
  heights: z.array(count.min(1)),
  widths: z.array(count.min(1)),
  /** CRC-32 of the pixels. */
  checksums: z.array(count.max(2 ** 32 - 1)),
});
type Index = z.infer<typeof indexSchema>;

/** A file's last bytes: the version of the format, the index's checksum and its length. Raised when the same images give other pixels. */
const FOOTER = /^spurmem3 ([0-9a-f]{8}) {1,14}(\d+)\n$/;
const FOOTER_BYTES = 32;
/** Pixel files of this version and of earlier ones. */
const STORE_FILE = /^[0-9a-f]{64}\.(?:pixels|index\.json)$/;

interface PixelFile extends Index {
  readonly path: string;
}

/**
 * Decodes the images of a dataset that are not decoded yet, by any process or for another table of the folder. An image whose
 * file has another size or time of change is decoded again; no archive can set the inode's (ctime), so that pixels that come with a
 * dataset are not taken for its images. The store lies in `<dataset>/.spurmem/`, or in the user's cache if that cannot
 * be written. Files that hold an earlier state of an image are removed after a build; a process that has them mapped keeps its pages.
 *
 * @throws SpurmemError `IMAGE_INVALID` naming an image that is missing or cannot be decoded, with its line of the table;
 *   `OUTPUT_UNWRITABLE`; `INTERRUPTED`. None leaves a file behind or touches earlier ones.
 */
export async function openImageStore(dataset: Dataset, options: JobOptions = {}): Promise<StoredImages> {
  throwIfAborted(options.signal, TASK);
  // Files there are read and removed, and no table of the user's needs a link.
  const problem = await linkOut(dataset.folder, join(dataset.folder, STORE));
  if (problem !== undefined)
    throw new SpurmemError('IMAGE_INVALID', `${problem}.`, { advice: ['Remove the link.'] });
  const states = await fileStates(dataset, options.signal);
  const own = createHash('sha256').update(dataset.folder).digest('hex').slice(0, 16);
  const folders = [join(dataset.folder, STORE), join(userCache(), own)];
  const find = () => currentFiles(folders, states);
  const whole = async () => storedImages(dataset, await find());
  const stored = await whole();
  if (stored !== undefined) return stored;
  const folder = await makeWritable(folders);
  const build = async (): Promise<StoredImages> => {
    await removeLeftovers(folder);
    const files = await find();
    const isStored = new Set(files.flatMap(({ names }) => names));
    const missing = distinct(dataset.examples).filter(({ filename }) => !isStored.has(filename));
    // Two builders of the same images write the same file.
    const content = missing.map(({ filename }) => [filename, states.get(filename)]);
    const name = createHash('sha256').update(JSON.stringify(content)).digest('hex');
    const path = join(folder, `${name}.pixels`);
    const all = [...files, await writeFileOf(path, dataset, missing, states, options)];
    const kept = new Set(all.map((file) => file.path));
    await removeFiles(folder, (name) => STORE_FILE.test(name) && !kept.has(join(folder, name)));
    return storedImages(dataset, all) as StoredImages;
  };
  const waits = () => options.onInfo?.(`Another process is ${TASK} into ${folder}. Waiting for it.`);
  return buildOnce(folder, { task: TASK, ready: whole, waits, build }, options.signal);
}

/** The first example of each file. */
function distinct(examples: readonly Example[]): Example[] {
  const seen = new Set<string>();
  return examples.filter(({ filename }) => seen.size < seen.add(filename).size);
}

/** Each image file's size and times of change. */
async function fileStates(
  dataset: Dataset,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string>> {
  const states = new Map<string, string>();
  const bad: SpurmemError[] = [];
  const stateOf = async (example: Example): Promise<readonly [string, string]> => {
    const path = join(dataset.folder, example.filename);
    try {
      const found = await stat(path, { bigint: true });
      if (!found.isFile()) throw new Error('not a file');
      return [example.filename, `${found.size} ${found.mtimeNs} ${found.ctimeNs}`];
    } catch (error) {
      const problem = systemCode(error) === 'ENOENT' ? 'the image file is missing' : messageOf(error);
      const invalid = new SpurmemError('IMAGE_INVALID', `${path}: ${problem}`, { cause: error });
      bad.push(withLine(dataset, example, invalid));
      return [example.filename, ''];
    }
  };
  for await (const [name, state] of mapOrdered(distinct(dataset.examples), STATS_AT_ONCE, stateOf)) {
    throwIfAborted(signal, TASK);
    states.set(name, state);
  }
  requireNoneBad(bad);
  return states;
}

/** Images that a message names. */
const NAMED = 10;

/** Throws one error for all images that are missing or cannot be decoded. */
function requireNoneBad(bad: readonly SpurmemError[]): void {
  // They came in the order in which decoders ended.
  const sorted = bad.toSorted((a, b) => (a.problem < b.problem ? -1 : 1));
  const [first, ...others] = sorted;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  const more = bad.length > NAMED ? `\n  and ${bad.length - NAMED} more.` : '';
  const named = sorted.slice(0, NAMED).map(({ problem }) => `\n  ${problem.replaceAll(/\s*\n\s*/g, ' ')}`);
  throw new SpurmemError('IMAGE_INVALID', `${bad.length} images cannot be read:${named.join('')}${more}`, {
    advice: ['Restore them, or remove them and their rows.'],
  });
}

/** Makes the first of the folders that can be written to. Throws `OUTPUT_UNWRITABLE` if none can, or the disk is full. */
async function makeWritable(folders: readonly string[]): Promise<string> {
  let refusal: unknown;
  let tried = 0;
  for (const folder of folders) {
    tried += 1;
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
  if (!(refusal instanceof SpurmemError) || tried < folders.length) throw refusal;
  const advice = [...refusal.advice, 'Or name a folder for such files with the variable XDG_CACHE_HOME.'];
  throw new SpurmemError(refusal.code, refusal.problem, { advice, cause: refusal.cause });
}

/** The whole files of pixels that hold no earlier state of an image. */
async function currentFiles(
  folders: readonly string[],
  states: ReadonlyMap<string, string>,
): Promise<PixelFile[]> {
  const files: PixelFile[] = [];
  for (const folder of folders) {
    for (const name of (await readdir(folder).catch(() => [])).filter((one) => one.endsWith('.pixels'))) {
      const file = await readPixelFile(join(folder, name)).catch(() => undefined);
      const isCurrent = file?.names.every(
        (image, i) => (states.get(image) ?? file.states[i]) === file.states[i],
      );
      if (file && isCurrent === true) files.push(file);
    }
  }
  return files;
}

/** Throws for a file that is not whole, or whose index does not fit it: native code reads the pixels through a memory map. */
async function readPixelFile(path: string): Promise<PixelFile> {
  await requireReadable(path);
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read = async (position: number, length: number): Promise<string> =>
      (await file.read(Buffer.alloc(length), 0, length, position)).buffer.toString();
    const [, sum, digits] = FOOTER.exec(await read(size - FOOTER_BYTES, FOOTER_BYTES)) ?? [];
    const bytes = size - FOOTER_BYTES - Number(digits);
    const text = await read(bytes, Number(digits));
    if (sum !== checksum(text)) throw new Error('the index has changed');
    const index = indexSchema.parse(JSON.parse(text));
    const { names, offsets, heights, widths } = index;
    const fits =
      Object.values(index).every(({ length }) => length === names.length) &&
      offsets.every((offset, i) => offset + 3 * (heights[i] as number) * (widths[i] as number) <= bytes);
    if (!fits) throw new Error('the index does not fit the pixels');
    return { path, ...index };
  } finally {
    await file.close();
  }
}

/** Looks up each example's pixels; undefined if an image is in none of the files. */
function storedImages({ examples }: Dataset, files: readonly PixelFile[]): StoredImages | undefined {
  const places = new Map<string, readonly [file: number, entry: number]>();
  for (const [file, { names }] of files.entries()) {
    for (const [entry, name] of names.entries()) places.set(name, [file, entry]);
  }
  const used = new Map<number, number>();
  const { length } = examples;
  const [fileOf, heights, widths] = [new Int32Array(length), new Int32Array(length), new Int32Array(length)];
  const [offsets, checksums] = [new Float64Array(length), new Uint32Array(length)];
  for (const [i, { filename }] of examples.entries()) {
    const place = places.get(filename);
    if (place === undefined) return undefined;
    const [file, entry] = place;
    const index = files[file] as PixelFile;
    if (!used.has(file)) used.set(file, used.size);
    fileOf[i] = used.get(file) as number;
    offsets[i] = index.offsets[entry] as number;
    heights[i] = index.heights[entry] as number;
    widths[i] = index.widths[entry] as number;
    checksums[i] = index.checksums[entry] as number;
  }
  const content = JSON.stringify([heights, widths, checksums].map((column) => [...column]));
  const digest = createHash('sha256').update(content).digest('hex');
  const paths = [...used.keys()].map((file) => (files[file] as PixelFile).path);
  return { paths, fileOf, offsets, heights, widths, digest };
}

/** Decodes images into a new file: pixels in the images' order, index, footer. Equal images give equal bytes. */
async function writeFileOf(
  path: string,
  dataset: Dataset,
  images: readonly Example[],
  states: ReadonlyMap<string, string>,
  { signal, onProgress }: JobOptions,
): Promise<PixelFile> {
  const bad: SpurmemError[] = [];
  const decode = await decoderOf(dataset, bad, signal);
  const index: Index = { names: [], states: [], offsets: [], heights: [], widths: [], checksums: [] };
  const total = images.length;
  let bytes = 0;
  const report = (): void => {
    throwIfAborted(signal, TASK);
    onProgress?.({ task: TASK, done: index.names.length, total, unit: 'images' });
  };
  const jobs = Array.from({ length: Math.ceil(total / FILES_PER_JOB) }, (_, i) =>
    images.slice(i * FILES_PER_JOB, (i + 1) * FILES_PER_JOB),
  );
  const write = async (target: FileHandle): Promise<void> => {
    report();
    const begun = mapOrdered(jobs, JOBS, async (job) => [job, await decode(job)] as const);
    for await (const [job, first] of begun) {
      let left = job;
      let found = first;
      while (left.length > 0) {
        // One write: a small image takes less time to decode than to write alone.
        const all = found.map(({ pixels }) => pixels);
        await writeAt(target, all, bytes);
        for (const [i, { height, width, checksum: sum, pixels }] of found.entries()) {
          const { filename } = left[i] as Example;
          index.names.push(filename);
          index.states.push(states.get(filename) as string);
          index.offsets.push(bytes);
          index.heights.push(height);
          index.widths.push(width);
          index.checksums.push(sum);
          bytes += pixels.length;
          report();
        }
        left = left.slice(found.length);
        if (left.length > 0) found = await decode(left);
      }
    }
    requireNoneBad(bad);
    const text = Buffer.from(JSON.stringify(index));
    const footer = `spurmem3 ${checksum(text)}${String(text.length).padStart(FOOTER_BYTES - 18)}\n`;
    await writeAt(target, [text, Buffer.from(footer)], bytes);
  };
  await writeLargeFile(path, write, () => bytes);
  return { path, ...index };
}

type DecodedImage = RgbImage & { readonly checksum: number };

/** Returns a function that decodes the first of some images, one at least, until they take much memory. Adds the errors of others to `bad`. */
async function decoderOf(dataset: Dataset, bad: SpurmemError[], signal: AbortSignal | undefined) {
  const addon = addonWithDecoders();
  // The addon rejects paths with links; `readExampleImage` checks and reads those images.
  const folder = await realpath(dataset.folder);
  return async (examples: readonly Example[]): Promise<readonly DecodedImage[]> => {
    throwIfAborted(signal, TASK);
    const paths = examples.map(({ filename }) => join(folder, filename));
    const decoded = (await addon?.decodeImages(paths)) ?? paths.map(() => null);
    const found: DecodedImage[] = [];
    for (let i = 0; i < decoded.length && sizeOf(found.map(({ pixels }) => pixels)) < MAX_JOB_BYTES; i += 1) {
      found.push(decoded[i] ?? (await decodeBySharp(dataset, examples[i] as Example, bad)));
    }
    return found;
  };
}

async function decodeBySharp(dataset: Dataset, example: Example, bad: SpurmemError[]): Promise<DecodedImage> {
  try {
    const image = await readExampleImage(dataset, example, decodeRgb);
    return { ...image, checksum: crc32(image.pixels) };
  } catch (error) {
    if (!(error instanceof SpurmemError) || error.code !== 'IMAGE_INVALID') throw error;
    bad.push(error);
    return { pixels: new Uint8Array(), height: 0, width: 0, checksum: 0 };
  }
}

/** The addon with its decoders; undefined if it does not load, so that sharp decodes all. */
function addonWithDecoders(): Addon | undefined {
  try {
    loadDecoders();
    return native();
  } catch {
    return undefined;
  }
}

async function writeAt(target: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<void> {
  const { bytesWritten } = await target.writev(buffers, position);
  if (bytesWritten === sizeOf(buffers)) return;
  await writeAt(target, [Buffer.concat(buffers).subarray(bytesWritten)], position + bytesWritten);
}

function sizeOf(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((bytes, { length }) => bytes + length, 0);
}
