import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import { buildOnce, LOCK_NAME } from '../buildOnce.js';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { makeFolder, unwritable, writeAtomic, writeJson } from '../files.js';
import { isLockAside } from '../lock.js';
import { type JobOptions, throwIfAborted } from '../progress.js';
import { type Dataset, loadDataset, TABLE_NAME } from './dataset.js';
import { CONFIG_NAME, type DatasetConfig } from './datasetConfig.js';
import { mapOrdered } from './ordered.js';
import type { Split } from './split.js';

/** Images that are drawn at once. */
const DRAWING = 8;

/** A dataset in the Waterbirds layout that is drawn from options. */
interface DrawnDataset<Options extends object> {
  /** What the folder holds then, such as `dominoes`. */
  readonly noun: string;
  /** Such as `drawing dominoes`. */
  readonly task: string;
  /** The file that keeps the options: a folder that has it holds such a dataset, or one that was not finished. */
  readonly optionsName: string;
  /** In canonical form. */
  readonly options: Options;
  /** The same from what the file holds. */
  readonly parse: (stored: unknown) => Options;
  /** Decides what is drawn, before anything is written. */
  readonly plan: () => Promise<Drawings>;
}

export interface Drawings {
  /** dataset.json. */
  readonly config: DatasetConfig;
  /** metadata.csv: a row an image. */
  readonly rows: readonly Readonly<Record<string, string | number>>[];
  readonly drawings: readonly Drawing[];
}

/** An image to draw. */
interface Drawing {
  /** The image and what belongs to it, by their paths in the dataset's folder, with `/`; no image lies at its top. */
  readonly files: readonly string[];
  /** What the files hold. */
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
 * Draws a dataset into a folder: its options first, then the images, `dataset.json` and, last and atomically,
 * `metadata.csv`. So an interrupted build is no dataset, and is started over; a finished one with the same options is
 * returned as it is.
 *
 * @param root absolute
 * @throws SpurmemError `USAGE` where the folder holds such a dataset with other options; `OUTPUT_UNWRITABLE` where it holds
 *   other files (nothing is changed then) or cannot be written; `INTERRUPTED`; and what `plan` throws
 */
export async function drawDataset<Options extends object>(
  root: string,
  wanted: DrawnDataset<Options>,
  job: JobOptions,
): Promise<Dataset> {
  throwIfAborted(job.signal, wanted.task);
  if (await isFinished(root, wanted)) return loadDataset(root);
  // All that can be refused is, before anything is written.
  const drawings = await wanted.plan();
  await makeFolder(root);
  return buildOnce(
    root,
    {
      task: wanted.task,
      ready: async () => ((await isFinished(root, wanted)) ? loadDataset(root) : undefined),
      build: async () => {
        try {
          await draw(root, wanted, drawings, job);
        } catch (error) {
          throw unwritable(error, root);
        }
        return loadDataset(root);
      },
    },
    job.signal,
  );
}

/** Whether the folder holds the finished dataset; false when it can be built there. */
async function isFinished<Options extends object>(
  root: string,
  { noun, optionsName, options, parse }: DrawnDataset<Options>,
): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw unwritable(error, root);
  }
  if (!names.includes(optionsName)) {
    const foreign = names.find(
      (name) => name !== LOCK_NAME && !isLockAside(name) && !name.startsWith(`${optionsName}.`),
    );
    if (foreign === undefined) return false;
    throw new SpurmemError(
      'OUTPUT_UNWRITABLE',
      `${root}: the folder holds other files, such as ${foreign}, and no ${noun}.`,
      { parameter: 'data', value: root, advice: ['Choose a new or empty folder.'] },
    );
  }
  const found = await readOptions(join(root, optionsName), noun, parse);
  if (!isDeepStrictEqual(found, options)) {
    const keys = Object.keys({ ...found, ...options }) as (keyof Options & string)[];
    const differing = keys
      .filter((key) => !isDeepStrictEqual(found[key], options[key]))
      .map((key) => `\`${key}\``);
    throw new SpurmemError(
      'USAGE',
      `${root}: the folder holds ${noun} drawn with other options (${differing.join(', ')} differ; see ` +
        `${optionsName} there).`,
      { advice: ['Choose another folder, give the same options, or remove the folder.'] },
    );
  }
  return names.includes(TABLE_NAME);
}

async function readOptions<Options extends object>(
  path: string,
  noun: string,
  parse: (stored: unknown) => Options,
): Promise<Options> {
  try {
    return parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new SpurmemError(
      'OUTPUT_UNWRITABLE',
      `${path}: not the options of ${noun}: ${messageOf(error)}. Choose another folder.`,
      { cause: error },
    );
  }
}

async function draw(
  root: string,
  { task, optionsName, options }: DrawnDataset<object>,
  { config, rows, drawings }: Drawings,
  { onProgress, signal }: JobOptions,
): Promise<void> {
  await writeJson(join(root, optionsName), options);
  const files = drawings.flatMap((drawing) => drawing.files);
  for (const folder of new Set(files.map((file) => file.split('/', 1)[0] as string))) {
    await rm(join(root, folder), { recursive: true, force: true }); // of an interrupted build
  }
  for (const folder of new Set(files.map((file) => dirname(file)))) await makeFolder(join(root, folder));
  const write = async (drawing: Drawing) => {
    const contents = await drawing.draw();
    await Promise.all(contents.map((bytes, at) => writeFile(join(root, drawing.files[at] as string), bytes)));
  };
  const report = (done: number) => onProgress?.({ task, done, total: drawings.length, unit: 'images' });
  let done = 0;
  report(done);
  for await (const _ of mapOrdered(drawings, DRAWING, write)) {
    throwIfAborted(signal, task);
    report(++done);
  }
  await writeJson(join(root, CONFIG_NAME), config);
  await writeAtomic(join(root, TABLE_NAME), stringify([...rows], { header: true }));
}
