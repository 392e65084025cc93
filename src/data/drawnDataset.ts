import { readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { buildOnce, LOCK_NAME } from '../buildOnce.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { makeFolder, readText, removeLeftovers, unwritable, writeAtomic, writeJson } from '../files.js';
import { isLockAside } from '../lock.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { checkOptions, JOB_TYPES } from '../settings/options.js';
import { type Dataset, loadDataset, TABLE_NAME } from './dataset.js';
import { CONFIG_NAME, type DatasetConfig } from './datasetConfig.js';
import { mapOrdered } from './ordered.js';
import type { Split } from './split.js';

/** Images that are drawn at once. */
const DRAWING = 8;

/** A benchmark in the Waterbirds layout that is drawn from options. */
interface Benchmark<Given, Options extends object> {
  /** The content of its folder in messages, such as `dominoes`. */
  readonly noun: string;
  /** Such as `drawing dominoes`. */
  readonly task: string;
  /** The file that keeps the options: a folder that has it holds such a dataset, or one that was not finished. */
  readonly optionsName: string;
  /** Checks options and gives them their canonical form. */
  readonly parse: (given: Given) => Options;
  /** Decides all images, before anything is written. */
  readonly plan: (options: Options, root: string, job: JobOptions) => Promise<Drawings>;
}

export interface Drawings {
  /** dataset.json. */
  readonly config: DatasetConfig;
  readonly images: readonly Drawing[];
}

/** An image to draw. */
interface Drawing {
  /** Its row of metadata.csv. */
  readonly row: Readonly<Record<string, string | number>>;
  /** The image and what belongs to it, by their paths in the dataset's folder, with `/`; no image lies at its top. */
  readonly files: readonly string[];
  /** The content of each file. */
  readonly draw: () => Promise<readonly Buffer[]>;
}

/** Where the images of a dataset go: numbered within each split and group. */
export class Places {
  readonly #drawn = new Map<string, number>();

  next(split: Split, group: number): string {
    const folder = `${split}/${group}`;
    const number = this.#drawn.get(folder) ?? 0;
    this.#drawn.set(folder, number + 1);
    return `${folder}/${String(number).padStart(5, '0')}`;
  }
}

/**
 * Draws a benchmark into a folder: its options first, then the images, `dataset.json` and, last and atomically,
 * `metadata.csv`, so that an interrupted build is no dataset. A finished one with the same options is returned as it is.
 * Throws `USAGE` for other options, and `OUTPUT_UNWRITABLE` where the folder holds other files; nothing is changed then.
 */
export async function drawDataset<Given, Options extends object>(
  benchmark: Benchmark<Given, Options>,
  folder: string,
  given: Given,
  job: JobOptions,
): Promise<Dataset> {
  checkOptions(job, { types: JOB_TYPES });
  const { task, optionsName, parse, plan } = benchmark;
  const options = parse(given);
  const root = resolve(folder);
  throwIfAborted(job.signal, task);
  const parseStored = (stored: unknown) => parse(stored as Given);
  const ready = async () =>
    (await isFinished(root, benchmark, options, parseStored)) ? loadDataset(root) : undefined;
  const finished = await ready();
  if (finished !== undefined) return finished;
  // All that can be refused is, before anything is written.
  const drawings = await plan(options, root, job);
  await makeFolder(root);
  const build = async () => {
    try {
      await removeLeftovers(root);
      await writeJson(join(root, optionsName), options);
      await draw(root, task, drawings, job);
    } catch (error) {
      throw unwritable(error, root);
    }
    return loadDataset(root);
  };
  return buildOnce(root, { task, ready, build }, job.signal);
}

/** Whether the folder holds the finished dataset; false when it can be built there. */
async function isFinished<Options extends object>(
  root: string,
  { noun, optionsName }: Pick<Benchmark<never, object>, 'noun' | 'optionsName'>,
  options: Options,
  parse: (stored: unknown) => Options,
): Promise<boolean> {
  const names: string[] = await readdir(root).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw unwritable(error, root);
  });
  if (!names.includes(optionsName)) {
    const isOurs = (name: string) =>
      name === LOCK_NAME || isLockAside(name) || name.startsWith(`${optionsName}.`);
    const foreign = names.find((name) => !isOurs(name));
    if (foreign === undefined) return false;
    const problem = `${root}: the folder holds other files, such as ${foreign}, and no ${noun}.`;
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, {
      parameter: 'data',
      value: root,
      advice: ['Choose a new or empty folder.'],
    });
  }
  const path = join(root, optionsName);
  let found: Options;
  try {
    found = parse(JSON.parse(await readText(path)));
  } catch (error) {
    const problem = `${path}: not the options of ${noun}: ${messageOf(error)}. Choose another folder.`;
    throw new SpurmemError('OUTPUT_UNWRITABLE', problem, { cause: error });
  }
  const keys = Object.keys({ ...found, ...options }) as (keyof Options & string)[];
  const differing = keys.filter((key) => !isDeepStrictEqual(found[key], options[key]));
  if (differing.length === 0) return names.includes(TABLE_NAME);
  const named = differing.map((key) => `\`${key}\``).join(', ');
  throw new SpurmemError(
    'USAGE',
    `${root}: the folder holds ${noun} drawn with other options (${named} differ; see ${optionsName} there).`,
    { advice: ['Choose another folder, give the same options, or remove the folder.'] },
  );
}

async function draw(
  root: string,
  task: string,
  { config, images }: Drawings,
  { onProgress, signal }: JobOptions,
): Promise<void> {
  const paths = images.flatMap(({ files }) => files);
  for (const folder of new Set(paths.map((path) => path.split('/', 1)[0] as string))) {
    await rm(join(root, folder), { recursive: true, force: true }); // of an interrupted build
  }
  for (const folder of new Set(paths.map((path) => dirname(path)))) await makeFolder(join(root, folder));
  const write = async ({ files, draw: drawFiles }: Drawing) => {
    const contents = await drawFiles();
    await Promise.all(contents.map((bytes, at) => writeFile(join(root, files[at] as string), bytes)));
  };
  const report = (done: number) => onProgress?.({ task, done, total: images.length, unit: 'images' });
  let done = 0;
  report(done);
  for await (const _ of mapOrdered(images, DRAWING, write)) {
    throwIfAborted(signal, task);
    report(++done);
  }
  await writeJson(join(root, CONFIG_NAME), config);
  await writeAtomic(
    join(root, TABLE_NAME),
    stringify(
      images.map(({ row }) => row),
      { header: true },
    ),
  );
}

/** The numbers below `size` in a random order (Fisher and Yates). */
export function shuffled(random: RandomGenerator, size: number): number[] {
  const order = Array.from({ length: size }, (_, index) => index);
  for (let last = size - 1; last > 0; last--) {
    const other = uniformInt(random, 0, last);
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
