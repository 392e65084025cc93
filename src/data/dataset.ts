import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { readWhole } from '../files.js';
import { quotedWord } from '../provenance.js';
import { defined } from '../settings/setting.js';
import type { CoreRegion } from './coreRegion.js';
import { CONFIG_NAME, fingerprintedConfig, parseDatasetConfig } from './datasetConfig.js';
import { type DatasetOptions, joinOptions, type ResolvedOptions } from './datasetOptions.js';
import { type Example, toExamples } from './examples.js';
import { missingSplits } from './heldOut.js';
import type { DatasetSource } from './layout.js';
import { detectLayout, layoutOf, LAYOUTS_ADVICE } from './layouts.js';
import { ATTRIBUTES_LIST } from './layouts/celeba.js';
import { isImageName } from './layouts/imageFolder.js';
import { TABLE_NAME } from './layouts/tables.js';
import { ARTICLE_PREPROCESSING, type Preprocessing } from './preprocessing.js';
import { kindOf, type SourceFile } from './sourceFile.js';
import { perSplit, type Split, SPLITS } from './split.js';
import { isTicked, readTicks } from './ticks.js';

export { TABLE_NAME } from './layouts/tables.js';
export type { Example } from './examples.js';
export type { DatasetFormat, DatasetOptions, ResolvedOptions } from './datasetOptions.js';

/** Max folders of a folder without a dataset that are searched for one. */
const MAX_NESTED = 100;

/** A dataset's table and description; its images are not read here. */
export interface Dataset {
  /** Absolute. */
  readonly folder: string;
  /** Absolute path of the table; of CelebA, the list of attributes. */
  readonly table: string;
  readonly name: string;
  /** [numClasses] */
  readonly targetNames: readonly string[];
  /** [numSpurious] */
  readonly spuriousNames: readonly string[];
  readonly numClasses: number;
  readonly numSpurious: number;
  /** numClasses * numSpurious */
  readonly numGroups: number;
  /** [numGroups], such as `pullover, digit 0`. */
  readonly groupNames: readonly string[];
  /** The groups that are rare within their class in training, ascending. */
  readonly minorityGroups: readonly number[];
  readonly preprocessing: Preprocessing;
  /** Whether dataset.json gives the preprocessing, which is the article's otherwise. */
  readonly hasPreprocessing: boolean;
  /** The region in which every image shows its class; null if dataset.json names none. */
  readonly coreRegion: CoreRegion | null;
  /** In table order. */
  readonly examples: readonly Example[];
  /** Examples of each group in each split, [numGroups]. */
  readonly counts: Readonly<Record<Split, readonly number[]>>;
  /** Indices into `examples`, ascending. */
  readonly splits: Readonly<Record<Split, Int32Array>>;
  /** y of each example, [examples]. */
  readonly labels: Int32Array;
  /** Group of each example, [examples]. */
  readonly groups: Int32Array;
  /** Says which files of the folder are no images that can be read; undefined: none. */
  readonly leftOut?: string | undefined;
  /** The choices that determined the loading; given to `loadDataset`, they load the same dataset again. */
  readonly options: ResolvedOptions;
  /** SHA-256 (hex) of the tables, of dataset.json without its coreRegion, and of the options beyond the format. */
  readonly fingerprint: string;
  /** Like `fingerprint`, without names that only label the numbers of a table. */
  readonly unnamed: string;
}

/** The hashes that identify a run's data. */
export interface DataIdentity {
  readonly name: string;
  readonly fingerprint: string;
  /** Absent if it equals the fingerprint, and in runs of earlier versions. */
  readonly unnamed?: string | undefined;
  /** SHA-256 (hex) of the training images' file names and classes; absent in runs of earlier versions. */
  readonly training?: string | undefined;
}

export function identityOf({ name, fingerprint, unnamed, ...dataset }: Dataset): DataIdentity {
  const { examples, splits, numClasses } = dataset;
  const images = Array.from(splits.train, (index) => `${examples[index]?.filename}\0${examples[index]?.y}`);
  const training = createHash('sha256')
    .update(JSON.stringify([numClasses, images.sort()]))
    .digest('hex');
  return { name, fingerprint, ...(unnamed === fingerprint ? {} : { unnamed }), training };
}

/** Whether two data sets have the same images with the same labels, whatever the labels' names. */
export function isSameData(
  a: Pick<DataIdentity, 'fingerprint' | 'unnamed'>,
  b: Pick<DataIdentity, 'fingerprint' | 'unnamed'>,
): boolean {
  return a.fingerprint === b.fingerprint || (a.unnamed ?? a.fingerprint) === (b.unnamed ?? b.fingerprint);
}

/**
 * Reads the dataset in `folder` by its layout, one of `layouts/`. Without `format` the other options decide, else the files: metadata.csv,
 * then CelebA's lists, then a folder `train` if there is no CSV file, then a single CSV file.
 *
 * `dataset.json`, when present, gives options that the caller leaves out, and name, targetNames, spuriousNames, preprocessing and coreRegion;
 * a table that the caller names may have an attribute of its own, with none of those spuriousNames. Labels are numbers from 0 or words.
 * Names come from dataset.json, from the words, from CelebA's attributes, or in Waterbirds' and SubpopBench's layouts from a folder with
 * "waterbird" in its name; else the numbers serve, and there are max(y) + 1 classes, at least 2, and max(a) + 1 attribute values. Without
 * preprocessing the article's is taken.
 *
 * Images are not read, except to find the folder of CelebA's.
 *
 * @param given how to read the folder
 * @throws SpurmemError `DATASET_NOT_FOUND` when the folder or a table is missing, `DATASET_INVALID` when a table or
 *   dataset.json has bad content, `USAGE` when an option is wrong or names what the table lacks
 */
export async function loadDataset(folder: string, given: DatasetOptions = {}): Promise<Dataset> {
  const root = resolve(folder);
  await requireFolder(root);
  const configPath = join(root, CONFIG_NAME);
  const configBytes = await readOptional(configPath);
  const described = configBytes === undefined ? {} : parseDatasetConfig(configPath, configBytes);
  const request = joinOptions(given, configPath, described);
  const { classNames, attributeNames, allowOutside } = request.further;
  const config = { ...described, ...defined({ targetNames: classNames, spuriousNames: attributeNames }) };
  const { format, heldOut, images, ticks } = request;
  const layout = format === undefined ? await detectLayout(root, heldOut !== undefined) : layoutOf(format);
  let source: DatasetSource<ResolvedOptions>;
  let missing: readonly Split[];
  try {
    source = await layout.read(root, request.options, config.coreRegion);
    missing = missingSplits(source.rows, heldOut);
  } catch (error) {
    throw request.blamed(await advised(root, error));
  }
  const options: ResolvedOptions = {
    ...source.options,
    ...(heldOut === undefined ? {} : { heldOut }),
    ...(images === undefined ? {} : { images }),
    ...(ticks === undefined ? {} : { ticks }),
    ...request.further,
  };
  const hasOwnTable = given.table !== undefined && given.table !== TABLE_NAME;
  const shares = { missing, heldOut, allowOutside };
  const untouched = toExamples(source, root, images ?? source.images, config, hasOwnTable, shares);
  const ticked = ticks === undefined ? undefined : await readTicks(root, ticks, untouched);
  const { labelling, ...labelled } = ticked?.labelled ?? untouched;
  const { examples, numSpurious, numGroups } = labelled;
  const files = ticked === undefined ? source.files : [...source.files, ticked.file];
  const counts = perSplit(() => new Array<number>(numGroups).fill(0));
  for (const { group, split } of examples) counts[split][group] = (counts[split][group] ?? 0) + 1;
  return {
    ...labelled,
    counts,
    splits: perSplit((split) =>
      Int32Array.from([...examples.keys()].filter((index) => examples[index]?.split === split)),
    ),
    groups: Int32Array.from(examples, ({ group }) => group),
    labels: Int32Array.from(examples, ({ y }) => y),
    folder: root,
    table: source.files[0].path,
    name: config.name ?? basename(root),
    minorityGroups: minorityGroups(counts.train, numSpurious),
    // Group-DRO crops CelebA to its central 178 x 178 pixels before it resizes, which no resize followed by a crop
    // can equal, and the article does not say how it preprocesses CelebA: Waterbirds' preprocessing serves.
    preprocessing: config.preprocessing ?? ARTICLE_PREPROCESSING,
    hasPreprocessing: config.preprocessing !== undefined,
    coreRegion: config.coreRegion ?? null,
    leftOut: source.leftOut,
    options,
    fingerprint: fingerprintOf(options, files, configBytes),
    unnamed: fingerprintOf(options, files, configBytes, labelling),
  };
}

/** A dataset that may be loaded already: itself, or what `loadDataset` loads from its folder. */
export async function datasetOf(data: string | Dataset, given?: DatasetOptions): Promise<Dataset> {
  return typeof data === 'string' ? loadDataset(data, given) : data;
}

/** Checks that each split has images. Throws `DATASET_EMPTY_GROUP` naming the splits without any. */
export function requireImages(dataset: Dataset, splits: readonly Split[] = SPLITS): void {
  const empty = splits.filter((split) => dataset.splits[split].length === 0);
  const problem = emptyGroups(dataset, empty);
  if (problem === undefined) return;
  throw new SpurmemError('DATASET_EMPTY_GROUP', problem, {
    advice: ['Add them, or hold out a share of the training images for each with `heldOut`, such as 0.2.'],
  });
}

/** Checks that each split has examples of every group. Throws `DATASET_EMPTY_GROUP` naming the splits and their empty groups. */
export function requireGroups(dataset: Dataset, splits: readonly Split[]): void {
  requireImages(dataset, splits);
  const unticked = splits.find((split) => dataset.options.ticks !== undefined && !hasTicks(dataset, split));
  if (unticked !== undefined) throw withoutTicks(dataset, unticked);
  const problem = emptyGroups(dataset, splits);
  if (problem === undefined) return;
  throw new SpurmemError('DATASET_EMPTY_GROUP', problem, {
    advice: ['Add images of them, move some from another split, or choose another class or attribute.'],
  });
}

function hasTicks(dataset: Dataset, split: Split): boolean {
  return dataset.counts[split].some((count, group) => count > 0 && isTicked(dataset, group));
}

function withoutTicks({ options }: Dataset, split: Split): SpurmemError {
  const reason =
    split === 'val'
      ? ' A last layer is refitted on images that the network was not trained on. On its training images, with every group known, the worst group of birds reached 0.56, and with the features of another network 0.80.'
      : '';
  const problem = `${options.ticks ?? ''}: no image of the split ${split} is ticked.${reason}`;
  const advice = [`Tick images of the split ${split}.`];
  return new SpurmemError('DATASET_EMPTY_GROUP', problem, {
    parameter: 'ticks',
    value: options.ticks,
    advice,
  });
}

/** Names the groups that splits have no examples of; undefined if there are none. A class may have no ticked images. */
export function emptyGroups(dataset: Dataset, splits: readonly Split[] = SPLITS): string | undefined {
  const { table, counts, groupNames } = dataset;
  const problems = splits.flatMap((split) => {
    const empty = groupNames.flatMap((name, group) =>
      counts[split][group] === 0 && !isTicked(dataset, group) ? [`${group} (${name})`] : [],
    );
    if (empty.length === 0) return [];
    const groups = `example of ${empty.length === 1 ? 'group' : 'groups'} ${empty.join(', ')}`;
    return [`the split ${split} has no ${empty.length === groupNames.length ? 'images' : groups}`];
  });
  return problems.length === 0 ? undefined : `${table}: ${problems.join('; ')}.`;
}

async function requireFolder(folder: string): Promise<void> {
  const kind = await kindOf(folder);
  if (kind === 'folder') return;
  const problem = kind === undefined ? 'there is no such folder' : 'not a folder';
  throw new SpurmemError('DATASET_NOT_FOUND', `${folder}: ${problem}.`, {
    parameter: 'data',
    value: folder,
    advice: (await importAdvice(folder)) ?? LAYOUTS_ADVICE,
  });
}

/** Formats that are imported, by the ending of their files. */
const FOREIGN = {
  '.parquet': 'parquet, a format of the Hugging Face Hub',
  '.arrow': 'Arrow, the format of save_to_disk',
  '.tar': 'tar, perhaps a WebDataset',
  data_batch_1: 'CIFAR in Python',
};

/** The command that imports a file, or the files in a folder; undefined if there is none. */
async function importAdvice(path: string): Promise<string[] | undefined> {
  const names =
    (await kindOf(path)) === 'file' ? [path] : await readdir(path, { recursive: true }).catch(() => []);
  const format = Object.entries(FOREIGN).find(([ending]) => names.some((name) => name.endsWith(ending)))?.[1];
  if (format === undefined) return undefined;
  return [`It holds ${format}. Unpack it: npx spurmem dataset import ${quotedWord(path)}`];
}

/** Adds advice to the error of a missing file: a format that is imported, a dataset further down, or the layouts. */
async function advised(root: string, error: unknown): Promise<unknown> {
  if (!(error instanceof SpurmemError) || error.code !== 'DATASET_NOT_FOUND' || error.advice.length > 0) {
    return error;
  }
  const foreign = (await heldOutAdvice(root)) ?? (await importAdvice(root));
  const nested = foreign === undefined ? await nestedDataset(root) : undefined;
  return new SpurmemError(error.code, error.problem, {
    parameter: 'data',
    value: root,
    advice:
      foreign ?? (nested === undefined ? LAYOUTS_ADVICE : [`Did you mean ${nested}, which holds a dataset?`]),
    cause: error.cause,
  });
}

/** The advice for folders of classes without splits. */
async function heldOutAdvice(root: string): Promise<string[] | undefined> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const names = await Promise.all(
    folders.slice(0, 2).map((name) => readdir(join(root, name)).catch(() => [])),
  );
  const areClasses = names.length === 2 && names.every((files) => files.some(isImageName));
  return areClasses
    ? [
        `${folders.slice(0, 3).join(', ')} look like folders of classes without splits: hold out shares of them for validation and test with \`heldOut\`, such as 0.2.`,
      ]
    : undefined;
}

/** Returns the only folder in a folder that is a dataset: archives are often unpacked one level too deep. */
async function nestedDataset(root: string): Promise<string | undefined> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name));
  const found: string[] = [];
  for (const folder of folders.slice(0, MAX_NESTED)) {
    const names = await readdir(folder).catch(() => []);
    const isData = (name: string): boolean =>
      /\.csv$|^train$/i.test(name) || name.startsWith(ATTRIBUTES_LIST);
    if (names.some(isData)) found.push(folder);
  }
  return found.length === 1 ? found[0] : undefined;
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readWhole(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    const problem = `${path}: ${messageOf(error)}. Make the file readable, or remove it.`;
    throw new SpurmemError('DATASET_INVALID', problem, { cause: error });
  }
}

function fingerprintOf(
  options: ResolvedOptions,
  files: readonly SourceFile[],
  config: Buffer | undefined,
  without: readonly string[] = [],
): string {
  const hash = createHash('sha256');
  // Waterbirds' layout leaves nothing to choose: the bytes alone make the fingerprint.
  const { format: _format, allowOutside: _allowed, classNames, attributeNames, ...others } = options;
  const choices = {
    ...others,
    ...(without.includes('targetNames') ? {} : defined({ classNames })),
    ...(without.includes('spuriousNames') ? {} : defined({ attributeNames })),
  };
  if (Object.keys(choices).length > 0) hash.update(`${JSON.stringify(choices)}\n`);
  // With the length, a byte that moves from one file to the other changes the hash.
  for (const { bytes } of files) hash.update(`${bytes.length}\n`).update(bytes);
  const described = config && fingerprintedConfig(config, without);
  return (described === undefined ? hash : hash.update(described)).digest('hex');
}

/**
 * The groups that hold less than half of an even share of their class's training examples: on Waterbirds 1 and 2, on
 * CelebA 3 (blond men). A class with one spurious value has none.
 *
 * @param counts training examples of each group = y * numSpurious + a, [numGroups]
 */
function minorityGroups(counts: readonly number[], numSpurious: number): number[] {
  return counts.flatMap((count, group) => {
    const first = group - (group % numSpurious);
    const ofClass = counts.slice(first, first + numSpurious).reduce((sum, value) => sum + value, 0);
    return count < ofClass / numSpurious / 2 ? [group] : [];
  });
}
