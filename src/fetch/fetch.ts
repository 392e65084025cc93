import { copyFile, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { makeFolder, sha256Of, unwritable } from '../files.js';
import type { JobOptions } from '../progress.js';
import {
  DATASETS,
  WEIGHTS,
  type Fetchable,
  type FetchableDataset,
  type FetchableWeights,
} from './catalog.js';
import { download, tooLarge, wrongChecksum, type Downloaded } from './download.js';
import { unpack } from './unpack.js';

/** Waterbirds unpacks to half a gigabyte; the largest weights have a few hundred megabytes. */
const LIMITS = { mostBytes: 4 * 2 ** 30, mostFiles: 200_000 } as const;

export interface FetchOptions extends JobOptions {
  /** A file, or the address of a mirror; by default the official address. */
  readonly from?: string | undefined;
  /** What the SHA-256 must be, or begin with; by default what the publishers say. */
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

/**
 * Fetches a data set into a folder.
 *
 * @throws SpurmemError `OUTPUT_UNWRITABLE` where the folder holds anything, `FETCH_FAILED`, `INTERRUPTED`
 */
export async function fetchDataset(
  name: FetchableDataset,
  folder: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  const wanted = DATASETS[name];
  const path = resolve(folder);
  await requireEmpty(path);
  const archive = join(dirname(path), wanted.file);
  const got = await obtain(wanted, archive, options);
  const unfinished = `${path}.unfinished`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await unpack(archive, unfinished, LIMITS);
    await rm(path, { recursive: true, force: true });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw unwritable(error, path);
  } finally {
    await rm(archive, { force: true });
  }
  return { ...got, path };
}

/**
 * Fetches ImageNet weights into a folder. A file that is there is taken as it is where its SHA-256 is right.
 *
 * @throws SpurmemError `FETCH_FAILED`, `OUTPUT_UNWRITABLE`, `INTERRUPTED`
 */
export async function fetchWeights(
  arch: FetchableWeights,
  folder: string,
  options: FetchOptions = {},
): Promise<Fetched> {
  const wanted: Fetchable = WEIGHTS[arch];
  const path = join(resolve(folder), wanted.file);
  const sha256 = options.sha256 ?? wanted.sha256;
  const size = await sizeOf(path);
  if (size !== undefined && sha256 !== undefined) {
    const found = await sha256Of(path);
    if (found.startsWith(sha256.toLowerCase())) {
      return { ...wanted, source: path, path, bytes: size, sha256: found, isVerified: true };
    }
  }
  return { ...(await obtain(wanted, path, options)), path };
}

/** Brings a file to a path, from the network or from a copy. */
async function obtain(
  { title, terms, url, sha256: published }: Fetchable,
  path: string,
  { from, sha256, ...job }: FetchOptions,
): Promise<Omit<Fetched, 'path'>> {
  await makeFolder(dirname(path));
  const source = from ?? url;
  const expected = { sha256: sha256 ?? published, mostBytes: LIMITS.mostBytes };
  const got = /^https?:\/\//i.test(source)
    ? await download(source, path, expected, job)
    : await copy(resolve(source), path, expected);
  return { title, terms, source, ...got };
}

async function copy(
  source: string,
  path: string,
  { sha256, mostBytes }: { readonly sha256?: string | undefined; readonly mostBytes: number },
): Promise<Downloaded> {
  const bytes = await sizeOf(source);
  if (bytes === undefined) {
    throw new SpurmemError('FETCH_FAILED', `${source}: there is no such file.`, {
      ...{ parameter: 'from', value: source, expected: 'a file, or an address that begins with https://' },
      advice: ['Correct `from`.'],
    });
  }
  if (bytes > mostBytes) throw tooLarge(source, mostBytes);
  const found = await sha256Of(source);
  if (sha256 !== undefined && !found.startsWith(sha256.toLowerCase()))
    throw wrongChecksum(source, found, sha256);
  const part = `${path}.part`;
  try {
    await copyFile(source, part);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw unwritable(error, path);
  }
  return { bytes, sha256: found, isVerified: sha256 !== undefined };
}

async function sizeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function requireEmpty(folder: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw new SpurmemError('OUTPUT_UNWRITABLE', `${folder}: ${messageOf(error)}.`, {
      ...{ parameter: 'data', value: folder, advice: ['Choose another folder.'], cause: error },
    });
  }
  if (names.length === 0) return;
  throw new SpurmemError(
    'OUTPUT_UNWRITABLE',
    `${folder}: the folder holds files, such as ${names[0] ?? ''}.`,
    {
      ...{ parameter: 'data', value: folder },
      advice: ['Choose a new or empty folder, or remove it to fetch the data again.'],
    },
  );
}
