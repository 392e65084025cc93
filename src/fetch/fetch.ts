import { existsSync } from 'node:fs';
import { copyFile, readdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { buildAlone } from '../buildOnce.js';
import { invalidParameter, messageOf, SpurmemError, systemCode } from '../errors.js';
import { makeFolder, putInPlace, sha256Of, unwritable } from '../files.js';
import type { JobOptions } from '../progress.js';
import {
  DATASETS,
  type Fetchable,
  type FetchableDataset,
  type FetchableWeights,
  WEIGHTS,
} from './catalog.js';
import {
  download,
  type Downloaded,
  type Expectation,
  isOf,
  requireChecksum,
  sizeOf,
  tooLarge,
} from './download.js';
import { unpack } from './unpack.js';

/** Waterbirds unpacks to half a gigabyte; the largest weights have a few hundred megabytes. */
const LIMITS = { maxBytes: 4 * 2 ** 30, maxFiles: 200_000 } as const;

export interface FetchOptions extends JobOptions {
  /** A file, or the address of a mirror; by default the official address. */
  readonly from?: string | undefined;
  /** The expected SHA-256, or its beginning; the default is the publishers'. */
  readonly sha256?: string | undefined;
}

export interface Fetched extends Downloaded {
  readonly title: string;
  readonly terms: string;
  /** Where it came from. */
  readonly source: string;
  /** The weights, or the data set's folder. */
  readonly path: string;
}

/** Fetches a data set into a folder. Throws `OUTPUT_UNWRITABLE` where it holds anything, `FETCH_FAILED`, `INTERRUPTED`. */
export async function fetchDataset(
  name: FetchableDataset,
  folder: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  const { title, terms, url, ...wanted }: Fetchable = DATASETS[name];
  // If it is a link, the data goes into the folder that the link points to.
  const path = await realpath(folder).catch(() => resolve(folder));
  await requireEmpty(path);
  const { from: source = url } = options;
  const expected = expectationOf(wanted, options);
  const build = async (): Promise<Fetched> => {
    await requireEmpty(path);
    const isLocal = !isAddress(source);
    // Not under its own name: a file of that name next to the folder is the user's.
    const archive = isLocal ? resolve(source) : `${path}.archive`;
    const got = isLocal
      ? await checked(archive, expected)
      : await download(source, archive, expected, options);
    try {
      await unpackInto(path, archive, isLocal ? archive : source);
    } finally {
      if (!isLocal) await rm(archive, { force: true });
    }
    return { title, terms, source, ...got, path };
  };
  return fetchAlone(path, options, build);
}

/**
 * Fetches ImageNet weights into a folder; a file that is there is kept where its SHA-256 is right. Throws `FETCH_FAILED`,
 * `OUTPUT_UNWRITABLE`, `INTERRUPTED`.
 */
export async function fetchWeights(
  arch: FetchableWeights,
  folder: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  const { title, terms, url, file, ...wanted }: Fetchable = WEIGHTS[arch];
  const path = join(resolve(folder), file);
  const expected = expectationOf(wanted, options);
  const ready = async (): Promise<Fetched | undefined> => {
    const bytes = await sizeOf(path);
    if (bytes === undefined || expected.sha256 === undefined) return undefined;
    const sha256 = await sha256Of(path);
    if (!isOf(sha256, expected.sha256)) return undefined;
    return { title, terms, source: path, bytes, sha256, isVerified: true, path };
  };
  const { from: source = url } = options;
  const build = async (): Promise<Fetched> => {
    const got = isAddress(source)
      ? await download(source, path, expected, options)
      : await copy(resolve(source), path, expected);
    return { title, terms, source, ...got, path };
  };
  return fetchAlone(path, options, build, ready);
}

/** Fetches while no other process fetches to the same path: both would write into one file. */
async function fetchAlone(
  path: string,
  { onInfo, signal }: FetchOptions,
  build: () => Promise<Fetched>,
  ready: () => Promise<Fetched | undefined> = () => Promise.resolve(undefined),
): Promise<Fetched> {
  const folder = dirname(path);
  const isNew = !existsSync(folder);
  await makeFolder(folder);
  const waits = (): void => onInfo?.(`Another process is fetching ${path}. Waiting for it.`);
  try {
    return await buildAlone(`${path}.lock`, { task: 'fetching', ready, waits, build }, signal);
  } catch (error) {
    // Unless it holds anything, such as the first part of a file.
    if (isNew) await rmdir(folder).catch(() => undefined);
    throw error;
  }
}

/** Makes the folder of an archive's content, or nothing. */
async function unpackInto(path: string, archive: string, source: string): Promise<void> {
  const unfinished = `${path}.unfinished`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await unpack(archive, unfinished, LIMITS, source);
    // Whatever was put there meanwhile stays.
    await requireEmpty(path);
    await rmdir(path).catch((error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
    });
    await putInPlace(unfinished, path);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw unwritable(error, path);
  }
}

function isAddress(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** The expected size and checksum of a file. Throws `USAGE` for a SHA-256 that is none. */
function expectationOf(wanted: Pick<Fetchable, 'sha256'>, { sha256 }: FetchOptions): Expectation {
  if (sha256 !== undefined && !/^[0-9a-f]{8,64}$/i.test(sha256)) {
    throw invalidParameter('sha256', sha256, 'a SHA-256 in hexadecimal, or 8 or more of its first digits');
  }
  return { sha256: sha256 ?? wanted.sha256, maxBytes: LIMITS.maxBytes };
}

async function copy(source: string, path: string, expected: Expectation): Promise<Downloaded> {
  const got = await checked(source, expected);
  const part = `${path}.part`;
  try {
    await copyFile(source, part);
    await putInPlace(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw unwritable(error, path);
  }
  return got;
}

/** A file where it lies. */
async function checked(source: string, { sha256, maxBytes }: Expectation): Promise<Downloaded> {
  const bytes = await sizeOf(source);
  if (bytes === undefined) {
    throw new SpurmemError('FETCH_FAILED', `${source}: there is no such file.`, {
      parameter: 'from',
      value: source,
      expected: 'a file, or an address that begins with https://',
      advice: ['Correct `from`.'],
    });
  }
  if (bytes > maxBytes) throw tooLarge(source, maxBytes);
  const found = await sha256Of(source);
  requireChecksum(source, found, sha256);
  return { bytes, sha256: found, isVerified: sha256 !== undefined };
}

async function requireEmpty(folder: string): Promise<void> {
  const refuse = (problem: string, advice: string): SpurmemError =>
    new SpurmemError('OUTPUT_UNWRITABLE', `${folder}: ${problem}.`, {
      parameter: 'data',
      value: folder,
      advice: [advice],
    });
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw refuse(messageOf(error), 'Choose another folder.');
  });
  const [own, above] = await Promise.all(
    [folder, dirname(folder)].map((path) => stat(path).catch(() => undefined)),
  );
  if (own && above && own.dev !== above.dev) {
    throw refuse('the folder is a mount point, which cannot be made anew', 'Name a new folder inside it.');
  }
  if (names[0] === undefined) return;
  const advice = 'Choose a new or empty folder, or remove it to fetch the data again.';
  throw refuse(`the folder holds files, such as ${names[0]}`, advice);
}
