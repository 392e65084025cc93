import { readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { buildOnce, LOCK_NAME } from '../buildOnce.js';
import { writeDataTable } from '../csvFile.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { checkWrites, makeFolder, readText, removeLeftovers, unwritable, writeJson } from '../files.js';
import { isLockAside } from '../lock.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { checkOptions, JOB_TYPES } from '../settings/options.js';
import { type Dataset, loadDataset, TABLE_NAME } from './dataset.js';
import { CONFIG_NAME, type DatasetConfig } from './datasetConfig.js';
import { mapOrdered } from './ordered.js';
import { type Split, SPLITS } from './split.js';

/** Images drawn at once. */
const DRAWING = 8;

/** A benchmark in the Waterbirds layout that is drawn from options. */
interface Benchmark<Given, Options extends object> {
  /** The content of its folder in messages, such as `dominoes`. */
  readonly noun: string;
  /** Such as `drawing dominoes`. */
  readonly task: string;
  /** The file that keeps the options: a folder that has it holds such a dataset, or one that was not finished. */
  readonly optionsName: string;
  /** The paths of an image, and of what belongs to it, by its place such as `train/0/00012`; none lies at the folder's top. */
  readonly files: readonly ((place: string) => string)[];
  /** Checks options and gives them their canonical form. */
  readonly parse: (given: Given) => Options;
  /** Decides all images, before anything is written. */
  readonly plan: (options: Options, root: string, job: JobOptions) => Promise<Drawings>;
}

export interface Drawings {
  /** dataset.json. */
  readonly config: DatasetConfig & { readonly spuriousNames: readonly string[] };
  /** In the order of the table, which numbers them within each split and group. */
  readonly images: readonly Drawing[];
}

/** An image to draw. */
interface Drawing {
  readonly split: Split;
  readonly y: number;
  readonly a: number;
  /** Further columns of its row. */
  readonly columns: Readonly<Record<string, string | number>>;
  /** The content of each of the benchmark's `files`. */
  readonly draw: () => Promise<readonly Buffer[]>;
}

/**
 * Draws a benchmark into a folder: its options first, then the images, `dataset.json` and, last and atomically,
 * `metadata.csv`, so that an interrupted build is no dataset. A finished one with the same options is returned as it is.
 * Throws `USAGE` for other options, and `OUTPUT_UNWRITABLE` if the folder holds other files; nothing is changed then.
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
  const ready = async () => ((await isFinished(root, benchmark, options)) ? loadDataset(root) : undefined);
  const finished = await ready();
  if (finished !== undefined) return finished;
  // All checks come before anything is written.
  const drawings = await plan(options, root, job);
  await makeFolder(root);
  const build = async () => {
    try {
      await removeLeftovers(root);
      await writeJson(join(root, optionsName), options);
      await draw(root, benchmark, drawings, job);
    } catch (error) {
      throw unwritable(error, root);
    }
    return loadDataset(root);
  };
  return buildOnce(root, { task, ready, build }, job.signal);
}

/** Whether the folder holds the finished dataset; false when it can be built there. */
async function isFinished<Given, Options extends object>(
  root: string,
  { noun, optionsName, parse }: Benchmark<Given, Options>,
  options: Options,
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
    found = parse(JSON.parse(await readText(path)) as Given);
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
  { task, files }: Pick<Benchmark<never, object>, 'task' | 'files'>,
  { config, images }: Drawings,
  { onProgress, signal }: JobOptions,
): Promise<void> {
  const numbers = new Map<string, number>();
  const placed = images.map((image, index) => {
    const { split, y, a, columns } = image;
    const folder = `${split}/${y * config.spuriousNames.length + a}`;
    const number = numbers.get(folder) ?? 0;
    numbers.set(folder, number + 1);
    const paths = files.map((pathAt) => pathAt(`${folder}/${String(number).padStart(5, '0')}`));
    const labels = { y, split: SPLITS.indexOf(split), place: a };
    return { image, paths, row: { img_id: index, img_filename: paths[0], ...labels, ...columns } };
  });
  const paths = placed.flatMap((one) => one.paths);
  for (const folder of new Set(paths.map((path) => path.split('/', 1)[0] as string))) {
    await rm(join(root, folder), { recursive: true, force: true }); // of an interrupted build
  }
  for (const folder of new Set(paths.map((path) => dirname(path)))) await makeFolder(join(root, folder));
  const write = async ({ image, paths: own }: (typeof placed)[number]) => {
    const contents = await image.draw();
    checkWrites();
    await Promise.all(contents.map((bytes, at) => writeFile(join(root, own[at] as string), bytes)));
  };
  const report = (done: number) => onProgress?.({ task, done, total: images.length, unit: 'images' });
  let done = 0;
  report(done);
  for await (const _ of mapOrdered(placed, DRAWING, write)) {
    throwIfAborted(signal, task);
    report(++done);
  }
  await writeJson(join(root, CONFIG_NAME), config);
  const rows = placed.map(({ row }) => row);
  await writeDataTable(join(root, TABLE_NAME), rows);
}

/** The numbers below `size` in a random order (Fisher and Yates), without libtorch. */
export function randomOrder(random: RandomGenerator, size: number): number[] {
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
