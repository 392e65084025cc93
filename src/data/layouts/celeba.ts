import { join, posix } from 'node:path';
import { SpurmemError } from '../../errors.js';
import { nearestNames } from '../../nearest.js';
import * as z from '../../zod.js';
import { forEachCsvRow } from '../csv.js';
import {
  defineLayout,
  invalidData,
  kindOf,
  type ReadContext,
  readSource,
  type SourceFile,
  type TableRow,
} from '../layout.js';
import { relativePath } from '../relativePath.js';
import { type Split, SPLIT_CODES, SPLITS } from '../split.js';
import { TABLE_NAME } from '../table.js';

/** The class and the spurious attribute of group-DRO and of the article. */
const TARGET = 'Blond_Hair';
const SPURIOUS = 'Male';

/** The lists' names, without .txt or .csv. */
export const ATTRIBUTES_LIST = 'list_attr_celeba';
const PARTITIONS_LIST = 'list_eval_partition';
/** The release's folders Anno and Eval, or one folder for all, as on Kaggle and in torchvision. */
const LIST_FOLDERS = ['.', 'Anno', 'Eval'];
/** Where the images may lie; Kaggle's archive has the folder twice, the release has it in Img. */
const IMAGE_FOLDERS = ['img_align_celeba/img_align_celeba', 'img_align_celeba', 'Img/img_align_celeba'];

/** The header of Kaggle's copies of the lists; the released ones name the attributes only. */
const IMAGE_COLUMN = 'image_id';
const PARTITION_HEADER = `${IMAGE_COLUMN},partition`;

const RESTORE = 'Restore the line from the release';
const SAME_RELEASE = 'Take both lists from one release';

/** Whether a file of that name is one of CelebA's own, which are no tables of examples. */
export function isCelebAList(name: string): boolean {
  return /^list_\w+_celeba\.csv$/.test(name) || name === `${PARTITIONS_LIST}.csv`;
}

const attribute = { schema: z.string().trim().min(1), placeholder: 'attribute' };

/**
 * CelebA as released or as on Kaggle: `list_attr_celeba` and `list_eval_partition`, each .txt or .csv, and the
 * images in `img_align_celeba`, in a folder of that name within it, or beside the lists.
 */
export const celeba = defineLayout({
  name: 'celeba',
  description: `CelebA's ${ATTRIBUTES_LIST} and ${PARTITIONS_LIST} (.txt or .csv)`,
  options: {
    target: { ...attribute, help: `CelebA: the class (default: ${TARGET})` },
    spurious: { ...attribute, help: `CelebA: the spurious attribute (default: ${SPURIOUS})` },
  },
  /** A table beside the lists goes before them. */
  looksLike: async (root) =>
    (await kindOf(join(root, TABLE_NAME))) === undefined &&
    (await findList(root, ATTRIBUTES_LIST)) !== undefined,
  async read(root, given, { originOf }) {
    const { target = TARGET, spurious = SPURIOUS } = given;
    if (target === spurious) {
      const problem = `\`target\` and \`spurious\` are both ${target}: every image would be in the group of its class.`;
      throw originOf(given.spurious === undefined ? 'target' : 'spurious').error(
        problem,
        'Choose two attributes.',
      );
    }
    const attributes = await readList(root, ATTRIBUTES_LIST);
    const partitions = await readList(root, PARTITIONS_LIST);
    const rows = joinLists(attributes, partitions, { target, spurious }, originOf);
    return {
      options: { format: 'celeba' as const, target, spurious },
      files: [attributes, partitions],
      rows,
      images: await findImages(root, rows[0]?.filename ?? ''),
      labels: { y: target, a: spurious },
      targetNames: [`not ${target}`, target],
      spuriousNames: [`not ${spurious}`, spurious],
    };
  },
  fillGroup: () => 'Choose other attributes with `target` and `spurious`.',
});

async function readList(root: string, name: string): Promise<List> {
  const found = await findList(root, name);
  if (found !== undefined) return new List(await readSource(found, 'the list'));
  throw new SpurmemError('DATASET_NOT_FOUND', `${join(root, name)}.txt or .csv: CelebA's list is missing.`);
}

/** The released list goes before Kaggle's copy. */
async function findList(root: string, name: string): Promise<string | undefined> {
  for (const extension of ['txt', 'csv']) {
    for (const folder of LIST_FOLDERS) {
      const path = join(root, folder, `${name}.${extension}`);
      if ((await kindOf(path)) === 'file') return path;
    }
  }
  return undefined;
}

/** Where the first image is; without it, the folder that is there, for the message when images are decoded. */
async function findImages(root: string, first: string): Promise<string> {
  for (const folder of [...IMAGE_FOLDERS, '.']) {
    if ((await kindOf(join(root, posix.join(folder, first)))) === 'file') return folder;
  }
  for (const folder of IMAGE_FOLDERS) {
    if ((await kindOf(join(root, folder))) === 'folder') return folder;
  }
  return 'img_align_celeba';
}

const QUOTE = '"'.charCodeAt(0);

/** A list as released (.txt: white space between the values) or as on Kaggle (.csv with a header). */
class List implements SourceFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isCsv: boolean;

  constructor({ path, bytes }: SourceFile) {
    this.path = path;
    this.bytes = bytes;
    this.isCsv = path.endsWith('.csv');
  }

  /** Hands over the trimmed lines that are not empty. */
  forEachLine(onLine: (text: string, line: number) => void): void {
    if (this.isCsv && this.bytes.includes(QUOTE)) {
      // Kaggle's lists have no quotes, but a spreadsheet's or R's copies do.
      forEachCsvRow(this.path, this.bytes, (cells, line) => {
        onLine(cells.map((cell) => cell.trim()).join(','), line);
      });
      return;
    }
    for (const [index, text] of new TextDecoder().decode(this.bytes).split('\n').entries()) {
      const trimmed = text.trim();
      if (trimmed !== '') onLine(trimmed, index + 1);
    }
  }

  cellsOf(text: string): string[] {
    return this.isCsv ? text.split(',').map((cell) => cell.trim()) : text.split(/\s+/);
  }

  filename(text: string, line: number): string {
    return relativePath(text, (problem) => {
      throw this.invalid(line, `${problem}. ${RESTORE}`);
    });
  }

  invalid(line: number, problem: string): SpurmemError {
    return invalidData(`${this.path}:${line}: ${problem}.`);
  }

  twice(line: number, filename: string, earlier: number): SpurmemError {
    return this.invalid(line, `the image ${filename} is on line ${earlier} as well. Remove one of them`);
  }
}

interface CelebAAttributes {
  readonly target: string;
  readonly spurious: string;
}

/**
 * Joins the lists to a row for each image, in the order of the attributes' list, whose first line counts the images as released. y and a
 * are 1 where the attribute is 1, and 0 where it is -1. Throws `DATASET_INVALID` naming the file and the line where a list is damaged or
 * the two disagree, and the error of an attribute that the list lacks.
 */
function joinLists(
  attributes: List,
  partitions: List,
  wanted: CelebAAttributes,
  originOf: ReadContext['originOf'],
): TableRow[] {
  const partitionOf = readPartitions(partitions);
  const rows: TableRow[] = [];
  let count: { readonly images: number; readonly line: number } | undefined;
  let readRow: ((text: string, line: number) => Omit<TableRow, 'split'>) | undefined;
  attributes.forEachLine((text, line) => {
    if (!attributes.isCsv && count === undefined) {
      if (!/^\d+$/.test(text)) {
        throw attributes.invalid(
          line,
          'the first line is no count of the images. Take the list from the release',
        );
      }
      count = { images: Number(text), line };
      return;
    }
    if (readRow === undefined) {
      readRow = rowReader(attributes, text, line, wanted, originOf);
      return;
    }
    const row = readRow(text, line);
    const partition = partitionOf.get(row.filename);
    if (partition === undefined) {
      throw attributes.invalid(
        line,
        `the image ${row.filename} is not in ${partitions.path}. ${SAME_RELEASE}`,
      );
    }
    if (partition.attributesLine !== undefined) {
      throw attributes.twice(line, row.filename, partition.attributesLine);
    }
    partition.attributesLine = line;
    rows.push({ ...row, split: partition.split });
  });
  if (readRow === undefined) throw attributes.invalid(1, 'the list has no header. Take it from the release');
  if (count !== undefined && count.images !== rows.length) {
    throw attributes.invalid(
      count.line,
      `the first line counts ${count.images} images, and ${rows.length} follow. A part of the list may be missing: take ` +
        'it from the release, or correct the number',
    );
  }
  for (const [filename, { line, attributesLine }] of partitionOf) {
    if (attributesLine !== undefined) continue;
    throw partitions.invalid(line, `the image ${filename} is not in ${attributes.path}. ${SAME_RELEASE}`);
  }
  if (rows.length === 0) throw attributes.invalid(1, 'the list has no images. Take it from the release');
  return rows;
}

/** Reads the header of the attributes' list, and returns what reads a row. */
function rowReader(
  list: List,
  header: string,
  line: number,
  { target, spurious }: CelebAAttributes,
  originOf: ReadContext['originOf'],
): (text: string, line: number) => Omit<TableRow, 'split'> {
  const names = list.cellsOf(header);
  if (list.isCsv && names.shift() !== IMAGE_COLUMN) {
    const advice = 'Take the list from Kaggle, or read it as a table with `table` and `columns`';
    throw list.invalid(line, `the header does not begin with ${IMAGE_COLUMN}. ${advice}`);
  }
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw list.invalid(line, `the header names ${repeated} twice. Restore it from the release`);
  }
  const positionOf = (option: 'target' | 'spurious', name: string): number => {
    const index = names.indexOf(name);
    if (index !== -1) return index + 1;
    const origin = originOf(option);
    const problem = `${list.path}:${line}: no attribute is named ${JSON.stringify(name)} (${origin.name}).`;
    throw origin.error(problem, `The nearest are ${nearestNames(name, names).join(', ')}.`);
  };
  const [y, a] = [positionOf('target', target), positionOf('spurious', spurious)];
  const values = names.map(
    (_, i) => `${list.isCsv ? ',' : '\\s+'}${[y, a].includes(i + 1) ? '(-?1)' : '-?1'}`,
  );
  const pattern = new RegExp(`^([^\\s,]+)${values.join('')}$`);
  return (text, at) => {
    // One match is ten times as fast as 41 strings, and the list has 202,599 rows.
    const match = pattern.exec(text) ?? pattern.exec(list.cellsOf(text).join(list.isCsv ? ',' : ' '));
    if (match === null) throw badRow(list, at, list.cellsOf(text), names.length);
    const [, image = '', first, second] = match;
    const [ofY, ofA] = y < a ? [first, second] : [second, first];
    return { filename: list.filename(image, at), y: Number(ofY === '1'), a: Number(ofA === '1'), line: at };
  };
}

/** The error of a row that is no file name with a value of -1 or 1 for each attribute. */
function badRow(list: List, line: number, cells: readonly string[], numAttributes: number): SpurmemError {
  const wrong = cells.slice(1).findIndex((value) => value !== '1' && value !== '-1');
  const problem =
    cells.length === numAttributes + 1 && wrong !== -1
      ? `value ${wrong + 1} is ${JSON.stringify(cells[wrong + 1])}, and an attribute is -1 or 1`
      : `${cells.length} values, and the header asks for ${numAttributes + 1}: a file name and ${numAttributes} attributes`;
  return list.invalid(line, `${problem}. ${RESTORE}`);
}

/** The split of each image and its line, and the image's line in the other list, once it is found there. */
function readPartitions(list: List) {
  const partitions = new Map<string, { split: Split; line: number; attributesLine?: number }>();
  let isHeader = list.isCsv;
  list.forEachLine((text, line) => {
    const cells = list.cellsOf(text);
    if (isHeader) {
      isHeader = false;
      if (cells.join(',') === PARTITION_HEADER) return;
      throw list.invalid(line, `the header is ${text} instead of ${PARTITION_HEADER}. Correct it`);
    }
    const [image, code, ...others] = cells;
    if (image === undefined || code === undefined || others.length > 0) {
      throw list.invalid(line, `${cells.length} values instead of a file name and a partition. ${RESTORE}`);
    }
    const split = /^\d$/.test(code) ? SPLITS[Number(code)] : undefined;
    if (split === undefined) {
      throw list.invalid(line, `${JSON.stringify(code)} is not a partition. Use ${SPLIT_CODES}`);
    }
    const filename = list.filename(image, line);
    const earlier = partitions.get(filename);
    if (earlier !== undefined) throw list.twice(line, filename, earlier.line);
    partitions.set(filename, { split, line });
  });
  return partitions;
}
