import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import sharp from 'sharp';
import { type ErrorCode, SpurmemError } from '../../src/errors.js';

/** A new temporary folder for each test of the file, removed after it. */
export function useTemporaryFolder(): () => string {
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spurmem-data-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  return () => folder;
}

/** The SpurmemError that the job throws, after checking its code. */
export async function failure(job: Promise<unknown>, code: ErrorCode): Promise<SpurmemError> {
  const error = await job.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SpurmemError)) throw new Error(`expected ${code}, got ${String(error)}`);
  expect([error.code, error.message]).toEqual([code, error.message]);
  return error;
}

/** The message of the SpurmemError that the job throws, after checking its code. */
export async function refusal(job: Promise<unknown>, code: ErrorCode): Promise<string> {
  return (await failure(job, code)).message;
}

/** Writes a file and the folders above it. */
export async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Pixels that differ between seeds and positions, [height, width, 3] uint8. */
export function pixelPattern(height: number, width: number, seed: number): Buffer {
  return Buffer.from(
    Array.from(
      { length: height * width * 3 },
      (_, index) => (index * 7 + ((index * index) >> 5) + seed * 31) & 255,
    ),
  );
}

/** Writes interleaved pixels as an image. */
export async function putPixels(
  path: string,
  pixels: Buffer,
  [height, width, channels]: readonly [number, number, 1 | 3 | 4],
  format: 'png' | 'jpeg' = 'png',
): Promise<void> {
  const image = sharp(pixels, { raw: { width, height, channels } });
  await put(path, await image.toFormat(format, format === 'jpeg' ? { quality: 95 } : {}).toBuffer());
}

/** Writes a lossless RGB image of the pattern and returns its pixels. */
export async function putImage(path: string, height: number, width: number, seed: number): Promise<Buffer> {
  const pixels = pixelPattern(height, width, seed);
  await putPixels(path, pixels, [height, width, 3]);
  return pixels;
}

/** Writes a JPEG of the pattern, as CelebA's and Waterbirds' images are. */
export async function putJpeg(path: string, height: number, width: number, seed: number): Promise<void> {
  await putPixels(path, pixelPattern(height, width, seed), [height, width, 3], 'jpeg');
}

/** The columns of drawn datasets' tables. */
type Column =
  | ('img_filename' | 'y' | 'split' | 'place' | 'garment_id' | 'digit_id')
  | ('foreground' | 'place_filename' | 'foreground_left');

/** The rows of a drawn dataset's table. */
export async function readRows(root: string): Promise<Record<Column, string>[]> {
  return parse(await readFile(join(root, 'metadata.csv')), { columns: true });
}

/** Splits in which each key occurs. */
export function splitsOf(pairs: Iterable<readonly [string, string]>): Map<string, Set<string>> {
  const splits = new Map<string, Set<string>>();
  for (const [key, split] of pairs) splits.set(key, (splits.get(key) ?? new Set()).add(split));
  return splits;
}
