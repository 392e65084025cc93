import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { messageOf, SpurmemError, systemCode } from '../errors.js';
import { CONFIG_NAME, parseDatasetConfig } from './datasetConfig.js';
import type { DatasetConfig } from './datasetConfig.js';
import { ARTICLE_PREPROCESSING } from './preprocessing.js';
import type { Preprocessing } from './preprocessing.js';
import { SPLITS } from './split.js';
import type { Split } from './split.js';
import { parseTable } from './table.js';
import type { TableRow } from './table.js';

/** The name of a dataset's table in its folder. */
export const TABLE_NAME = 'metadata.csv';

/** One image with its labels. */
export interface Example {
  /** Relative to the dataset's folder, with `/`, normalized. */
  readonly filename: string;
  /** The class. */
  readonly y: number;
  /** The spurious attribute. */
  readonly a: number;
  /** y * numSpurious + a. */
  readonly group: number;
  readonly split: Split;
  /** 1-based line in the table. */
  readonly line: number;
}

/** A dataset's table and description; its images are not read here. */
export interface Dataset {
  /** Absolute. */
  readonly folder: string;
  /** Absolute path of the table. */
  readonly table: string;
  readonly name: string;
  /** [numClasses] */
  readonly targetNames: readonly string[];
  /** [numSpurious] */
  readonly spuriousNames: readonly string[];
  readonly numClasses: number;
  readonly numSpurious: number;
  /** numClasses * numSpurious; group = y * numSpurious + a. */
  readonly numGroups: number;
  /** [numGroups], such as `pullover, digit 0`. */
  readonly groupNames: readonly string[];
  readonly preprocessing: Preprocessing;
  /** In table order. */
  readonly examples: readonly Example[];
  /** Indices into `examples`, ascending. */
  readonly splits: Readonly<Record<Split, Int32Array>>;
  /** y of each example, [examples]. */
  readonly labels: Int32Array;
  /** Group of each example, [examples]. */
  readonly groups: Int32Array;
  /** SHA-256 (hex) over the bytes of the table and of dataset.json. */
  readonly fingerprint: string;
}

/**
 * Reads the dataset in `folder`: `metadata.csv` in the Waterbirds layout and, when present, `dataset.json` (name,
 * targetNames, spuriousNames, preprocessing; each may be left out). Without names the numbers serve, and there
 * are max(y) + 1 classes, at least 2, and max(place) + 1 attribute values; a folder with "waterbird" in its
 * name gets Waterbirds' names. Without preprocessing the article's is taken.
 *
 * @throws SpurmemError `DATASET_NOT_FOUND` when the folder or the table is missing, `DATASET_INVALID` when the
 *   table or dataset.json has bad content
 */
export async function loadDataset(folder: string): Promise<Dataset> {
  const root = resolve(folder);
  const table = join(root, TABLE_NAME);
  const configPath = join(root, CONFIG_NAME);
  const tableBytes = await readTable(root, table);
  const configBytes = await readOptional(configPath);
  const config = configBytes === undefined ? {} : parseDatasetConfig(configPath, configBytes);
  const rows = parseTable(table, tableBytes);

  const { targetNames, spuriousNames, groupNames } = resolveNames(root, rows, config);
  const numSpurious = spuriousNames.length;
  checkRange(table, configPath, rows, 'y', targetNames.length);
  checkRange(table, configPath, rows, 'place', numSpurious);

  const examples = rows.map((row): Example => ({ ...row, group: row.y * numSpurious + row.a }));
  return {
    folder: root,
    table,
    name: config.name ?? basename(root),
    targetNames,
    spuriousNames,
    numClasses: targetNames.length,
    numSpurious,
    numGroups: targetNames.length * numSpurious,
    groupNames,
    preprocessing: config.preprocessing ?? ARTICLE_PREPROCESSING,
    examples,
    splits: {
      train: indicesOf(examples, 'train'),
      val: indicesOf(examples, 'val'),
      test: indicesOf(examples, 'test'),
    },
    labels: Int32Array.from(examples, ({ y }) => y),
    groups: Int32Array.from(examples, ({ group }) => group),
    fingerprint: fingerprintOf(tableBytes, configBytes),
  };
}

/** Examples of each group in a split, [numGroups]. */
export function groupCounts(dataset: Dataset, split: Split): number[] {
  const counts = new Array<number>(dataset.numGroups).fill(0);
  for (const index of dataset.splits[split]) {
    const group = dataset.groups[index] ?? 0;
    counts[group] = (counts[group] ?? 0) + 1;
  }
  return counts;
}

/**
 * Checks that each of the splits has examples of every group, without which no group accuracy can be told.
 *
 * @throws SpurmemError `DATASET_EMPTY_GROUP` naming the split and its empty groups
 */
export function requireGroups(dataset: Dataset, splits: readonly Split[]): void {
  for (const split of splits) {
    const empty = [...groupCounts(dataset, split).entries()].filter(([, count]) => count === 0);
    const first = empty[0]?.[0];
    if (first === undefined) continue;
    const names = empty.map(([group]) => `${group} (${dataset.groupNames[group] ?? ''})`).join(', ');
    throw new SpurmemError(
      'DATASET_EMPTY_GROUP',
      `${dataset.table}: the split ${split} has no example of ${empty.length === 1 ? 'group' : 'groups'} ${names}. ` +
        `Add rows with split ${SPLITS.indexOf(split)}, for group ${first} with y ` +
        `${Math.floor(first / dataset.numSpurious)} and place ${first % dataset.numSpurious}.`,
    );
  }
}

async function readTable(folder: string, table: string): Promise<Buffer> {
  const layout =
    `A dataset is a folder with images and a table ${TABLE_NAME} with the columns img_filename, y, split ` +
    `(0 train, 1 val, 2 test) and place. \`spurmem dataset dominoes\` builds one to try.`;
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => undefined,
  );
  if (isFolder !== true) {
    const problem = isFolder === undefined ? 'there is no such folder' : 'not a folder';
    throw new SpurmemError('DATASET_NOT_FOUND', `${folder}: ${problem}. ${layout}`);
  }
  try {
    return await readFile(table);
  } catch (error) {
    const problem = systemCode(error) === 'ENOENT' ? 'the table is missing' : messageOf(error);
    throw new SpurmemError('DATASET_NOT_FOUND', `${table}: ${problem}. ${layout}`, { cause: error });
  }
}

async function readOptional(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new SpurmemError(
      'DATASET_INVALID',
      `${path}: ${messageOf(error)}. Make the file readable, or remove it.`,
      {
        cause: error,
      },
    );
  }
}

interface Names {
  readonly targetNames: readonly string[];
  readonly spuriousNames: readonly string[];
  readonly groupNames: readonly string[];
}

function resolveNames(folder: string, rows: readonly TableRow[], config: DatasetConfig): Names {
  const numClasses = Math.max(2, 1 + rows.reduce((most, { y }) => Math.max(most, y), 0));
  const numSpurious = 1 + rows.reduce((most, { a }) => Math.max(most, a), 0);
  const isWaterbirds = /waterbird/i.test(basename(folder)) && numClasses === 2 && numSpurious <= 2;
  const known = isWaterbirds
    ? { targetNames: ['landbird', 'waterbird'], spuriousNames: ['land', 'water'] }
    : undefined;
  const targets = config.targetNames ?? known?.targetNames;
  const spurious = config.spuriousNames ?? known?.spuriousNames;
  const targetNames = targets ?? numbers(numClasses);
  const spuriousNames = spurious ?? numbers(numSpurious);
  // Bare numbers would read as "0, 1".
  const groupNames = targetNames.flatMap((target) =>
    spuriousNames.map(
      (value) =>
        `${targets === undefined ? `y ${target}` : target}, ${spurious === undefined ? `a ${value}` : value}`,
    ),
  );
  return { targetNames, spuriousNames, groupNames };
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}

/** Values in the table for which dataset.json has no name are a mistake in one of the two. */
function checkRange(
  table: string,
  config: string,
  rows: readonly TableRow[],
  column: 'y' | 'place',
  count: number,
): void {
  const valueOf = (row: TableRow) => (column === 'y' ? row.y : row.a);
  const wrong = rows.find((row) => valueOf(row) >= count);
  if (wrong === undefined) return;
  const key = column === 'y' ? 'targetNames' : 'spuriousNames';
  throw new SpurmemError(
    'DATASET_INVALID',
    `${table}:${wrong.line}: column ${column}: ${valueOf(wrong)} has no name: ${key} in ${config} lists ${count}, ` +
      `for the values 0 to ${count - 1}. Add a name, or correct the value.`,
  );
}

function indicesOf(examples: readonly Example[], split: Split): Int32Array {
  return Int32Array.from([...examples.keys()].filter((index) => examples[index]?.split === split));
}

function fingerprintOf(table: Buffer, config: Buffer | undefined): string {
  // The length keeps a byte that moves from one file to the other from going unnoticed.
  const hash = createHash('sha256').update(`${table.length}\n`).update(table);
  return (config === undefined ? hash : hash.update(config)).digest('hex');
}
