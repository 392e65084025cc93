import { appendFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join, parse, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'csv-stringify/sync';
import { buildOnce, LOCK_NAME } from '../../buildOnce.js';
import { SpurmemError, systemCode, usageError } from '../../errors.js';
import { checkWrites, makeFolder, putInPlace, readText, unwritable, writeJson } from '../../files.js';
import { isLockAside } from '../../lock.js';
import { type JobOptions, throwIfAborted } from '../../progress.js';
import { checkOptions, JOB_TYPES } from '../../settings/options.js';
import { text } from '../../settings/values.js';
import { type Dataset, loadDataset, TABLE_NAME } from '../dataset.js';
import { CONFIG_NAME, type DatasetConfig } from '../datasetConfig.js';
import { invalidData, kindOf } from '../sourceFile.js';
import { type Split, SPLITS } from '../split.js';
import { openArrow } from './arrow.js';
import { isCifar, openCifar } from './cifar.js';
import { openParquet } from './parquet.js';
import { type ImportedFile, reading } from './source.js';
import { openWebDataset } from './webdataset.js';

/** How to import a data set; columns left out are found by their names and types. */
export interface ImportOptions {
  readonly imageColumn?: string | undefined;
  readonly classColumn?: string | undefined;
  /** The spurious attribute; default: none. */
  readonly attributeColumn?: string | undefined;
  /** Default: the split is in the files' names. */
  readonly splitColumn?: string | undefined;
}
const OPTION_TYPES = Object.fromEntries(
  ['imageColumn', 'classColumn', 'attributeColumn', 'splitColumn'].map((name) => [name, text('a column')]),
);

/** The files of each format, by their ending. */
const FORMATS: Readonly<Record<string, (path: string) => Promise<ImportedFile>>> = {
  '.parquet': openParquet,
  '.arrow': openArrow,
  '.tar': openWebDataset,
};
const SPLIT_WORDS: Readonly<Record<string, Split>> = {
  train: 'train',
  training: 'train',
  val: 'val',
  valid: 'val',
  validation: 'val',
  dev: 'val',
  test: 'test',
  testing: 'test',
};
const CLASS_NAMES = ['label', 'labels', 'y', 'class', 'target', 'cls', 'fine_label'];
/** The first bytes of images, as Latin-1. */
const MAGIC: Readonly<Record<string, RegExp>> = {
  jpg: /^\xff\xd8\xff/,
  png: /^\x89PNG/,
  gif: /^GIF8/,
  webp: /^RIFF....WEBP/s,
  bmp: /^BM/,
  tif: /^(?:II\*\0|MM\0\*)/,
};
const RECORD = 'import.json';
const UNFINISHED = `${TABLE_NAME}.unfinished`;
const TASK = 'importing images';

interface ListedFile {
  readonly path: string;
  /** Its name within the source. */
  readonly shown: string;
  readonly size: number;
}

/** The files of a source that are imported: itself, or those below a folder. */
async function listed(source: string): Promise<readonly ListedFile[]> {
  const isFile = parse(source).ext in FORMATS || isCifar(source, []);
  const isSource = isFile && (await kindOf(source)) === 'file';
  const names = isSource ? [''] : await readdir(source, { recursive: true }).catch(() => []);
  // Hidden files, and the caches of `datasets`, are no part of a data set.
  const own = names.filter(
    (name) =>
      isSource ||
      ((parse(name).ext in FORMATS || isCifar(name, names)) && !/(?:^|\/)(?:\.|cache-)/.test(name)),
  );
  return Promise.all(
    own.sort().map(async (name) => {
      const path = isSource ? source : join(source, name);
      return { path, shown: name === '' ? basename(source) : name, size: (await stat(path)).size };
    }),
  );
}

/**
 * Unpacks a data set of parquet files (as on the Hugging Face Hub), of `save_to_disk`, of WebDataset's tar files, or of CIFAR's pickles into a folder of
 * images with a table and dataset.json. A stopped import continues; a finished one of the same files is returned.
 *
 * @throws `USAGE` for columns that are missing or not clear, and for a folder with another import; `DATASET_NOT_FOUND` without files;
 *   `DATASET_INVALID` naming the file and row of bad content; `OUTPUT_UNWRITABLE`; `INTERRUPTED`
 */
export async function importDataset(
  source: string,
  folder: string,
  options: ImportOptions = {},
  job: JobOptions = {},
): Promise<Dataset> {
  checkOptions(job, { types: JOB_TYPES });
  checkOptions(options, { types: OPTION_TYPES });
  const files = await listed(source);
  if (files.length === 0) {
    const problem = `${source} is no file, and has none below it, of the formats ${Object.keys(FORMATS).join(', ')}, and no batch of CIFAR.`;
    throw new SpurmemError('DATASET_NOT_FOUND', problem, {
      advice: [
        'Name a folder of parquet files, of save_to_disk, of WebDataset\u2019s tar files, or cifar-10-batches-py.',
      ],
    });
  }
  const root = resolve(folder);
  const record = { files: files.map(({ shown, size }) => [shown, size]), ...options };
  const ready = async () => {
    const [found, names] = await Promise.all([readRecord(root), readdir(root).catch((): string[] => [])]);
    const isOurs = (name: string): boolean =>
      name === LOCK_NAME || isLockAside(name) || name.startsWith(RECORD);
    const other = names.find((name) => !isOurs(name));
    const isBegun = names.includes(UNFINISHED) || names.includes(TABLE_NAME);
    const isSame = isDeepStrictEqual(found, JSON.parse(JSON.stringify(record)));
    if (other !== undefined && !(found !== undefined && (isSame || !isBegun))) {
      const holds =
        found === undefined
          ? `other files, such as ${other}`
          : 'the import of other files, or with other columns';
      const problem = `${root} holds ${holds}.`;
      throw usageError('data', root, 'a new or empty folder', problem, 'Name another folder as `data`.');
    }
    return names.includes(TABLE_NAME) ? loadDataset(root) : undefined;
  };
  const finished = await ready();
  if (finished !== undefined) return finished;
  // Columns are found before anything is written.
  const columns = await columnsOf(files[0] as ListedFile, options);
  await makeFolder(root);
  const build = async (): Promise<Dataset> => {
    try {
      await writeJson(join(root, RECORD), record);
      await makeFolder(join(root, 'images'));
      await unpackAll(files, root, columns, job);
      return await loadDataset(root);
    } catch (error) {
      throw unwritable(error, root);
    }
  };
  return buildOnce(root, { task: TASK, ready, build }, job.signal);
}

async function readRecord(root: string): Promise<unknown> {
  try {
    return JSON.parse(await readText(join(root, RECORD)));
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The roles of a data set's columns, and all that its table keeps. */
interface Columns {
  readonly image: string;
  readonly y: string;
  readonly a: string | undefined;
  readonly split: string | undefined;
  readonly kept: readonly string[];
}

async function unpackAll(
  files: readonly ListedFile[],
  root: string,
  columns: Columns,
  { onProgress, onWarning, signal }: JobOptions,
): Promise<void> {
  const table = join(root, UNFINISHED);
  const header = ['filename', 'split', ...columns.kept.map(titleOf)];
  const done = await finishedRows(table, header);
  const total = files.reduce((sum, { size }) => sum + size, 0);
  const splits = files.map(({ shown }) => splitOf(shown));
  if (columns.split === undefined && splits.every((split) => split === undefined)) {
    onWarning?.(
      'No file is named after a split: all images are training images. `heldOut` 0.2 holds some out for the others.',
    );
  }
  let labels: ImportedFile['labels'] = {};
  let [id, before] = [0, 0];
  for (const [i, { path, shown, size }] of files.entries()) {
    await reading(path, async () => {
      const file = await opened(path);
      labels = { ...file.labels, ...labels };
      const first = id;
      for await (const { rows, end, share } of file.chunks(Math.max(0, done - first))) {
        throwIfAborted(signal, TASK);
        const written = rows.map(async (row, at) => {
          const where = `${shown}, row ${end - rows.length + at}`;
          const bytes = imageIn(row[columns.image], where);
          // Names of our own: those in the file may repeat, or lead out of the folder.
          const number = String(first + end - rows.length + at).padStart(7, '0');
          const name = `images/${number}.${endingOf(bytes, where)}`;
          const split = splitIn(row, columns.split, where) ?? splits[i] ?? 'train';
          const cells = columns.kept.map((column) => cellOf(row, column, columns, file.labels, where));
          await writeFile(join(root, name), bytes);
          return [name, split, ...cells];
        });
        const lines = await Promise.all(written);
        checkWrites();
        // This finishes the rows: a stopped import goes on behind them.
        if (lines.length > 0) await appendFile(table, stringify(lines));
        id = first + end;
        onProgress?.({ task: TASK, done: Math.round(before + share * size), total, unit: 'bytes' });
      }
    });
    before += size;
    onProgress?.({ task: TASK, done: before, total, unit: 'bytes' });
  }
  await writeJson(join(root, CONFIG_NAME), configOf(columns, labels));
  await putInPlace(table, join(root, TABLE_NAME));
}

function configOf({ y, a }: Columns, labels: ImportedFile['labels']): DatasetConfig {
  return {
    format: 'csv',
    table: TABLE_NAME,
    columns: {
      filename: 'filename',
      y: titleOf(y),
      split: 'split',
      ...(a === undefined ? {} : { a: titleOf(a) }),
    },
    ...(labels[y] && { targetNames: [...labels[y]] }),
    ...(a !== undefined && labels[a] && { spuriousNames: [...labels[a]] }),
  };
}

function opened(path: string): Promise<ImportedFile> {
  return (FORMATS[parse(path).ext] ?? openCifar)(path);
}

/** The rows of an unfinished table, which is begun if it is missing. A line that was cut off is removed. */
async function finishedRows(table: string, header: readonly string[]): Promise<number> {
  const begun = stringify([[...header]]);
  const found = await readText(table).catch(() => '');
  const whole = found.slice(0, found.lastIndexOf('\n') + 1);
  if (!whole.startsWith(begun)) await writeFile(table, begun);
  else if (whole.length < found.length) await truncate(table, Buffer.byteLength(whole));
  // No cell has a line break.
  return whole.startsWith(begun) ? whole.split('\n').length - 2 : 0;
}

/** Finds the columns by the first row. Throws `USAGE` for a column that is missing or not clear. */
async function columnsOf({ path, shown }: ListedFile, options: ImportOptions): Promise<Columns> {
  return reading(path, async () => {
    const { chunks, labels } = await opened(path);
    let row: Readonly<Record<string, unknown>> | undefined;
    for await (const { rows } of chunks(0)) {
      [row] = rows;
      if (row !== undefined) break;
    }
    if (row === undefined) throw invalidData(`${shown}: it has no rows.`);
    const all = Object.keys(row);
    const found = row;
    const named = (role: keyof ImportOptions, candidates: readonly string[], what: string): string => {
      const given = options[role];
      const [only, ...others] = candidates;
      if (given === undefined && only !== undefined && others.length === 0) return only;
      if (given !== undefined && all.includes(given)) return given;
      const problem =
        given === undefined
          ? `${shown} has ${only === undefined ? 'no' : 'more than one'} column that looks like ${what}`
          : `${shown} has no column ${JSON.stringify(given)}`;
      const columns = `its columns are ${all.slice(0, 30).join(', ')}`;
      throw usageError(role, given, 'a column', `${problem}: ${columns}.`, `Name one with \`${role}\`.`);
    };
    const images = all.filter((name) => bytesOf(found[name]) !== undefined);
    const image = named('imageColumn', images, 'images');
    const scalars = all.filter((name) => name !== image && isScalar(found[name]));
    const byType = scalars.filter((name) => name in labels && name !== options.attributeColumn);
    const byName = scalars.filter((name) => CLASS_NAMES.includes(name.toLowerCase()));
    const y = named('classColumn', byType.length === 1 ? byType : byName, 'the class');
    const a = options.attributeColumn && named('attributeColumn', [], '');
    const split = options.splitColumn && named('splitColumn', [], '');
    const kept = [...new Set([y, ...(a ? [a] : []), ...scalars])].filter((name) => name !== split);
    return { image, y, a, split, kept };
  });
}

/** The title of a column in the table, which has its own for file name and split. */
function titleOf(column: string): string {
  return column === 'filename' || column === 'split' ? `${column}_` : column;
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
}

/** Bytes, or those of Hugging Face's struct of bytes and path. */
function bytesOf(value: unknown): Uint8Array | undefined {
  const { bytes } = (value instanceof Uint8Array ? { bytes: value } : Object(value)) as { bytes?: unknown };
  return bytes instanceof Uint8Array ? bytes : undefined;
}

function imageIn(value: unknown, where: string): Uint8Array {
  const bytes = bytesOf(value);
  if (bytes !== undefined) return bytes;
  const { path } = Object(value) as { path?: unknown };
  throw invalidData(
    `${where}: there are no bytes of an image${typeof path === 'string' ? `, only the path ${JSON.stringify(path)}` : ''}.`,
    'Embed the images, as push_to_hub and save_to_disk of datasets do.',
  );
}

function endingOf(bytes: Uint8Array, where: string): string {
  const start = Buffer.from(bytes.subarray(0, 16)).toString('latin1');
  const [ending] = Object.entries(MAGIC).find(([, magic]) => magic.test(start)) ?? [];
  if (ending !== undefined) return ending;
  throw invalidData(`${where}: its image is none of ${Object.keys(MAGIC).join(', ')}.`);
}

function splitOf(file: string): Split | undefined {
  const words = [parse(file).name, ...parse(file).dir.split('/').reverse()].map(
    (part) => part.toLowerCase().split(/[-_.]/, 1)[0] ?? '',
  );
  const word = words.find((one) => Object.hasOwn(SPLIT_WORDS, one));
  return word === undefined ? undefined : SPLIT_WORDS[word];
}

function splitIn(
  row: Readonly<Record<string, unknown>>,
  column: string | undefined,
  where: string,
): Split | undefined {
  if (column === undefined) return undefined;
  const word = String(row[column]).toLowerCase();
  const split =
    SPLITS[word === '' ? -1 : Number(word)] ??
    (Object.hasOwn(SPLIT_WORDS, word) ? SPLIT_WORDS[word] : undefined);
  if (split !== undefined) return split;
  const words = Object.keys(SPLIT_WORDS).join(', ');
  throw invalidData(
    `${where}: ${JSON.stringify(String(row[column]))} is no split. It is one of ${words}, 0, 1, 2.`,
  );
}

/** A value as the table has it: a label by its name. Throws `DATASET_INVALID` for a class or attribute without a value. */
function cellOf(
  row: Readonly<Record<string, unknown>>,
  column: string,
  { y, a }: Columns,
  labels: ImportedFile['labels'],
  where: string,
): string {
  const value = row[column];
  const text = isScalar(value) ? String(value).replace(/\s+/g, ' ').trim() : '';
  const names = labels[column];
  // Names that are numbers would not be names in the table; datasets writes -1 or null for an unknown label.
  const isText = names === undefined || names.some((one) => /^\d+$/.test(one));
  const name = isText || text === '' ? text : names[Number(text)];
  if (name !== undefined && name !== '' && name !== '-1') return name;
  if (column !== y && column !== a) return '';
  throw invalidData(
    `${where}: column ${column} is ${text === '' ? 'empty' : text}, which is no label.`,
    'Leave out files without labels, such as a test split.',
  );
}
