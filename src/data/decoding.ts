// The decoding of a dataset's images into the image store's file, which goes on while the first of them are used.
import { join } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { crc32 } from 'node:zlib';
import { SpurmemError } from '../errors.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import type { Dataset, Example } from './dataset.js';
import { decodeRgb } from './decode.js';
import { readExampleImage } from './exampleImage.js';
import { addonOfFiles, DECODING_TASK, FILE_JOBS, type ImageFiles } from './imageFiles.js';
import type { MemoryBudget, MemoryShare } from './memoryBudget.js';

/** A job is some milliseconds of one thread, so that a batch waits for few images of others. */
const FILES_OF_JOB = 64;
const BYTES_OF_JOB = 2 ** 22;

/**
 * The most memory that the addon takes for an image: the file, the pixels, and the coefficients of a progressive JPEG. It keeps these until
 * the last scan, in two bytes a sample. A file that is larger than the pixels is decoded by sharp.
 */
const ADDON_BYTES_OF_PIXEL = 3 + 3 + 6;
const ADDON_BYTES = 2 ** 20;

const PENDING = 0;
const TAKEN = 1;
const DONE = 2;

/** Where each file's pixels go: from byte `offsets[i]` on, [sizes[2 i], sizes[2 i + 1], 3] uint8. */
export interface PixelPlaces extends ImageFiles {
  readonly offsets: Float64Array;
  readonly sizes: Int32Array;
  /** The size of all pixels. */
  readonly bytes: number;
}

/** A file to write to: the part of Node's file handle that it takes. */
interface OpenFile {
  readonly fd: number;
  /** Writes `length` bytes from `offset` on at `position` of the file, or the first of them. */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
}

/** Decodes each image once, in the order in which the images are used. */
export class Decoding {
  readonly #addon = addonOfFiles();
  readonly #dataset: Dataset;
  readonly #places: PixelPlaces;
  readonly #options: JobOptions;
  readonly #budget: MemoryBudget;
  readonly #states: Uint8Array;
  readonly #checksums: Uint32Array;
  #order: Int32Array;
  #position = 0;
  #done = 0;
  #isShown = false;
  #failure: { readonly error: unknown } | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(dataset: Dataset, places: PixelPlaces, options: JobOptions, budget: MemoryBudget) {
    this.#dataset = dataset;
    this.#places = places;
    this.#options = options;
    this.#budget = budget;
    const { length } = places.files;
    this.#checksums = new Uint32Array(length);
    this.#states = new Uint8Array(length);
    this.#order = Int32Array.from({ length }, (_, file) => file);
  }

  /** Reports progress from now on. */
  show(): void {
    if (this.#isShown || this.#done === this.#places.files.length) return;
    this.#isShown = true;
    this.#report();
  }

  /** Decodes these examples next, in their order, and then the others. */
  prefer(examples: Int32Array): void {
    const { files, fileOf } = this.#places;
    if (this.#done === files.length) return;
    const order = new Int32Array(examples.length + files.length);
    order.set(examples.map((example) => fileOf[example] as number));
    for (let file = 0; file < files.length; file += 1) order[examples.length + file] = file;
    this.#order = order;
    this.#position = 0;
  }

  /** Resolves once these examples are decoded. Throws what `run` throws, also where that is another example's. */
  async ready(examples: Int32Array): Promise<void> {
    const { fileOf } = this.#places;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure.error;
      if (examples.every((example) => this.#states[fileOf[example] as number] === DONE)) return;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /**
   * Decodes all images into a file, and gives the CRC-32 of each one's pixels.
   *
   * @throws SpurmemError `IMAGE_INVALID` naming an image that cannot be decoded, with its line of the table; `INTERRUPTED`; errors of
   *   the system where the file cannot be written
   */
  async run(target: OpenFile): Promise<Uint32Array> {
    await Promise.all(Array.from({ length: FILE_JOBS }, () => this.#work(target)));
    if (this.#failure !== undefined) throw this.#failure.error;
    return this.#checksums;
  }

  /** Job after job, until there is none or one has failed. */
  async #work(target: OpenFile): Promise<void> {
    try {
      while (this.#failure === undefined) {
        throwIfAborted(this.#options.signal, DECODING_TASK);
        const job = this.#take();
        if (job.length === 0) return;
        await this.#decode(job, target);
      }
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#wake();
    }
  }

  #take(): number[] {
    const { sizes } = this.#places;
    const job: number[] = [];
    let bytes = 0;
    while (job.length < FILES_OF_JOB && bytes < BYTES_OF_JOB && this.#position < this.#order.length) {
      const file = this.#order[this.#position] as number;
      this.#position += 1;
      if (this.#states[file] !== PENDING) continue;
      this.#states[file] = TAKEN;
      job.push(file);
      bytes += 3 * (sizes[2 * file] as number) * (sizes[2 * file + 1] as number);
    }
    return job;
  }

  async #decode(job: readonly number[], target: OpenFile): Promise<void> {
    using memory = this.#budget.share();
    const outcomes = await this.#decodeByAddon(job, target, memory);
    for (const [i, file] of job.entries()) {
      const [problem = 1, sum = 0] = outcomes?.subarray(2 * i, 2 * i + 2) ?? [];
      if (problem < 0) throw writingError(problem);
      this.#checksums[file] = problem > 0 ? await this.#decodeBySharp(file, target, memory) : sum;
      this.#states[file] = DONE;
      this.#done += 1;
      this.#report();
    }
    this.#wake();
  }

  /** Decodes the images that the addon takes, one after the other. Nothing where they would take more memory than there is. */
  async #decodeByAddon(
    job: readonly number[],
    target: OpenFile,
    memory: MemoryShare,
  ): Promise<Int32Array | undefined> {
    const { files, offsets, sizes } = this.#places;
    const needs = job.map(
      (file) =>
        ADDON_BYTES + ADDON_BYTES_OF_PIXEL * (sizes[2 * file] as number) * (sizes[2 * file + 1] as number),
    );
    const most = Math.max(...needs);
    if (this.#addon === undefined || most > this.#budget.bytes) return undefined;
    await memory.hold(most);
    throwIfAborted(this.#options.signal, DECODING_TASK);
    return this.#addon.decodeImages(
      target.fd,
      job.map((file) => join(this.#dataset.folder, (files[file] as Example).filename)),
      Float64Array.from(job, (file) => offsets[file] as number),
      Int32Array.from(job.flatMap((file) => [sizes[2 * file] as number, sizes[2 * file + 1] as number])),
    );
  }

  /** Decodes an image that the addon does not take, and gives the checksum of its pixels. Sharp's error names the damage. */
  async #decodeBySharp(file: number, target: OpenFile, memory: MemoryShare): Promise<number> {
    const { files, offsets, sizes } = this.#places;
    const { pixels } = await readExampleImage(this.#dataset, files[file] as Example, async (path) => {
      const image = await decodeRgb(path, memory);
      if (image.height === sizes[2 * file] && image.width === sizes[2 * file + 1]) return image;
      throw new SpurmemError('IMAGE_INVALID', `${path}: the file has changed while images were decoded`, {
        advice: ['Start again once nothing writes to the dataset.'],
      });
    });
    let written = 0;
    while (written < pixels.length) {
      const left = pixels.length - written;
      const { bytesWritten } = await target.write(pixels, written, left, (offsets[file] as number) + written);
      written += bytesWritten;
    }
    return crc32(pixels);
  }

  #report(): void {
    if (!this.#isShown) return;
    throwIfAborted(this.#options.signal, DECODING_TASK);
    const { length: total } = this.#places.files;
    this.#options.onProgress?.({ task: DECODING_TASK, done: this.#done, total, unit: 'images' });
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** As Node reports a write that the system refuses. */
function writingError(number: number): Error {
  const [code = 'EIO', text = 'unknown error'] = getSystemErrorMap().get(number) ?? [];
  return Object.assign(new Error(`${code}: ${text}, write`), { code });
}
