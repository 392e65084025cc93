import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
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

/** Writes a lossless RGB image of the pattern and returns its pixels. */
export async function putImage(path: string, height: number, width: number, seed: number): Promise<Buffer> {
  const pixels = pixelPattern(height, width, seed);
  await put(
    path,
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
  return pixels;
}

/** Writes a JPEG of the pattern, as CelebA's and Waterbirds' images are. */
export async function putJpeg(path: string, height: number, width: number, seed: number): Promise<void> {
  const pixels = pixelPattern(height, width, seed);
  await put(
    path,
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 95 })
      .toBuffer(),
  );
}
