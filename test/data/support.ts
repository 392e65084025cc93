import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
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

/** The SpurmemError that a job or a call throws, after checking its code and the parts that its message must have. */
export async function failure(
  job: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  ...parts: readonly (string | RegExp)[]
): Promise<SpurmemError> {
  const done = typeof job === 'function' ? Promise.resolve().then(job) : job;
  const error: unknown = await done.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SpurmemError)) throw new Error(`expected ${code}, got ${String(error)}`);
  expect([error.code, error.message]).toEqual([code, error.message]);
  expectParts(error.message, parts);
  return error;
}

/** Checks that a text contains each string and matches each pattern. */
export function expectParts(text: string, parts: readonly (string | RegExp)[]): void {
  for (const part of parts) {
    if (typeof part === 'string') expect(text).toContain(part);
    else expect(text).toMatch(part);
  }
}

/** The splits in which each key occurs. */
export function splitsOf(pairs: Iterable<readonly [key: string, split: string]>): Map<string, Set<string>> {
  const splits = new Map<string, Set<string>>();
  for (const [key, split] of pairs) splits.set(key, (splits.get(key) ?? new Set()).add(split));
  return splits;
}

/** Writes a file and the folders above it. */
export async function put(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

/** Pixels that differ between seeds and positions, [height, width, 3] uint8. */
function pixelPattern(height: number, width: number, seed: number): Buffer {
  return Buffer.from(
    Array.from(
      { length: height * width * 3 },
      (_, index) => (index * 7 + ((index * index) >> 5) + seed * 31) & 255,
    ),
  );
}

/** An image of the pattern, to be encoded. */
export function patternImage(height: number, width: number, seed: number): Sharp {
  return sharp(pixelPattern(height, width, seed), { raw: { width, height, channels: 3 } });
}

/** Writes a lossless RGB image of the pattern and returns its pixels. */
export async function putImage(path: string, height: number, width: number, seed: number): Promise<Buffer> {
  await put(path, await patternImage(height, width, seed).png().toBuffer());
  return pixelPattern(height, width, seed);
}

/** Writes a JPEG of the pattern, as CelebA's and Waterbirds' images are. */
export async function putJpeg(path: string, height: number, width: number, seed: number): Promise<void> {
  await put(path, await patternImage(height, width, seed).jpeg({ quality: 95 }).toBuffer());
}
