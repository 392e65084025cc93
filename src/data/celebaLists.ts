import { SpurmemError } from '../errors.js';
import { nearestNames } from '../nearest.js';
import { forEachCsvRow } from './csv.js';
import type { SourceFile, TableRow } from './datasetSource.js';
import { type Asked, misasked } from './layout.js';
import { relativePath } from './relativePath.js';
import { type Split, SPLIT_CODES, SPLITS } from './split.js';

/** The lists' names, without .txt or .csv. */
export const ATTRIBUTES_LIST = 'list_attr_celeba';
export const PARTITIONS_LIST = 'list_eval_partition';

/** The header of Kaggle's copies of the lists; the released ones name the attributes only. */
const IMAGE_COLUMN = 'image_id';
const PARTITION_HEADER = `${IMAGE_COLUMN},partition`;

/** Ends the messages about a damaged list. */
const RESTORE = 'Restore the line from the release';
const SAME_RELEASE = 'Take both lists from one release';

/** Whether a file of that name is one of CelebA's own, which are no tables of examples. */
export function isCelebAList(name: string): boolean {
  return /^list_\w+_celeba\.csv$/.test(name) || name === `${PARTITIONS_LIST}.csv`;
}

/** The attributes that become class and spurious attribute. */
interface CelebAAttributes {
  readonly target: Asked<string>;
  readonly spurious: Asked<string>;
}

/**
 * Joins CelebA's two lists to a row for each image, in the order of the attributes' list. Each comes as released (.txt: white
 * space between the values; the attributes' first line counts the images, the second names the attributes) or as on Kaggle
 * (.csv with a header). y and a are 1 where the attribute is 1, and 0 where it is -1. Throws `DATASET_INVALID` naming the file
 * and the line where a list is damaged or the two disagree, and the code in `wanted` for an attribute that the list lacks.
 */
export function joinLists(
  attributes: SourceFile,
  partitions: SourceFile,
  wanted: CelebAAttributes,
): TableRow[] {
  const partitionOf = readPartitions(partitions);
  const rows: TableRow[] = [];
  let count: { readonly images: number; readonly line: number } | undefined;
  let header: AttributeHeader | undefined;
  forEachLine(attributes, (text, line) => {
    if (!isCsv(attributes) && count === undefined) {
      count = { images: readCount(attributes, text, line), line };
      return;
    }
    if (header === undefined) {
      header = readHeader(attributes, text, line, wanted);
      return;
    }
    const row = readRow(attributes, text, line, header);
    const { filename } = row;
    const partition = partitionOf.get(filename);
    if (partition === undefined) {
      throw invalid(attributes, line, `the image ${filename} is not in ${partitions.path}. ${SAME_RELEASE}`);
    }
    if (partition.attributesLine !== undefined)
      throw twice(attributes, line, filename, partition.attributesLine);
    partition.attributesLine = line;
    rows.push({ ...row, split: partition.split });
  });
  if (header === undefined) throw invalid(attributes, 1, 'the list has no header. Take it from the release');
  if (count !== undefined && count.images !== rows.length) {
    throw invalid(
      attributes,
      count.line,
      `the first line counts ${count.images} images, and ${rows.length} follow. A part of the list may be missing: take ` +
        'it from the release, or correct the number',
    );
  }
  for (const [filename, { line, attributesLine }] of partitionOf) {
    if (attributesLine !== undefined) continue;
    throw invalid(partitions, line, `the image ${filename} is not in ${attributes.path}. ${SAME_RELEASE}`);
  }
  if (rows.length === 0) throw invalid(attributes, 1, 'the list has no images. Take it from the release');
  return rows;
}

function readCount(file: SourceFile, text: string, line: number): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw invalid(file, line, 'the first line is no count of the images. Take the list from the release');
}

interface AttributeHeader {
  /** Values in a row, the image among them. */
  readonly width: number;
  /** Positions of the target and the spurious attribute in a row. */
  readonly y: number;
  readonly a: number;
  /** Matches a valid row and captures the image and the two values. */
  readonly pattern: RegExp;
}

function readHeader(
  file: SourceFile,
  text: string,
  line: number,
  { target, spurious }: CelebAAttributes,
): AttributeHeader {
  const cells = cellsOf(file, text);
  if (isCsv(file) && cells.shift() !== IMAGE_COLUMN) {
    throw invalid(
      file,
      line,
      `the header does not begin with ${IMAGE_COLUMN}. Take the list from Kaggle, or read it as a table with ` +
        '`table` and `columns`',
    );
  }
  const repeated = cells.find((name, index) => cells.indexOf(name) !== index);
  if (repeated !== undefined) {
    throw invalid(file, line, `the header names ${repeated} twice. Restore it from the release`);
  }
  const positionOf = (asked: Asked<string>) => {
    const index = cells.indexOf(asked.value);
    if (index !== -1) return index + 1;
    throw misasked(
      asked,
      `${file.path}:${line}: no attribute is named ${JSON.stringify(asked.value)} (${asked.by}).`,
      `The nearest are ${nearestNames(asked.value, cells).join(', ')}.`,
    );
  };
  const [y, a] = [positionOf(target), positionOf(spurious)];
  const separator = isCsv(file) ? ',' : '\\s+';
  const values = cells.map((_, index) => `${separator}${[y, a].includes(index + 1) ? '(-?1)' : '-?1'}`);
  return { width: cells.length + 1, y, a, pattern: new RegExp(`^([^\\s,]+)${values.join('')}$`) };
}

function readRow(file: SourceFile, text: string, line: number, header: AttributeHeader) {
  // One match is ten times as fast as 41 strings, and the list has 202,599 rows.
  const match = header.pattern.exec(text);
  if (match !== null) {
    const [, image = '', first, second] = match;
    const [y, a] = header.y < header.a ? [first, second] : [second, first];
    return { filename: parseFilename(file, line, image), y: bit(y), a: bit(a), line };
  }
  const cells = cellsOf(file, text);
  const [image = '', ...values] = cells;
  if (cells.length !== header.width) {
    throw invalid(
      file,
      line,
      `${cells.length} values, and the header asks for ${header.width}: a file name and ` +
        `${header.width - 1} attributes. ${RESTORE}`,
    );
  }
  const wrong = values.findIndex((value) => value !== '1' && value !== '-1');
  if (wrong !== -1) {
    const problem = `value ${wrong + 1} is ${JSON.stringify(values[wrong])}, and an attribute is -1 or 1`;
    throw invalid(file, line, `${problem}. ${RESTORE}`);
  }
  const filename = parseFilename(file, line, image);
  return { filename, y: bit(cells[header.y]), a: bit(cells[header.a]), line };
}

function bit(value: string | undefined): number {
  return value === '1' ? 1 : 0;
}

/** The split of each image and its line, and the image's line in the other list, once it is found there. */
function readPartitions(file: SourceFile) {
  const partitions = new Map<string, { split: Split; line: number; attributesLine?: number }>();
  let isHeader = isCsv(file);
  forEachLine(file, (text, line) => {
    const cells = cellsOf(file, text);
    if (isHeader) {
      isHeader = false;
      if (cells.join(',') === PARTITION_HEADER) return;
      throw invalid(file, line, `the header is ${text} instead of ${PARTITION_HEADER}. Correct it`);
    }
    const [image, code, ...others] = cells;
    if (image === undefined || code === undefined || others.length > 0) {
      throw invalid(file, line, `${cells.length} values instead of a file name and a partition. ${RESTORE}`);
    }
    const split = /^\d$/.test(code) ? SPLITS[Number(code)] : undefined;
    if (split === undefined) {
      throw invalid(file, line, `${JSON.stringify(code)} is not a partition. Use ${SPLIT_CODES}`);
    }
    const filename = parseFilename(file, line, image);
    const earlier = partitions.get(filename);
    if (earlier !== undefined) throw twice(file, line, filename, earlier.line);
    partitions.set(filename, { split, line });
  });
  return partitions;
}

const QUOTE = '"'.charCodeAt(0);

/** Hands over the trimmed lines of a list that are not empty. */
function forEachLine(file: SourceFile, onLine: (text: string, line: number) => void): void {
  if (isCsv(file) && file.bytes.includes(QUOTE)) {
    // Kaggle's lists have no quotes, but what a spreadsheet or R made of them has.
    forEachCsvRow(file.path, file.bytes, (cells, line) => {
      onLine(cells.map((cell) => cell.trim()).join(','), line);
    });
    return;
  }
  // A byte order mark is no part of the text.
  const lines = new TextDecoder().decode(file.bytes).split('\n');
  for (const [index, text] of lines.entries()) {
    const trimmed = text.trim();
    if (trimmed !== '') onLine(trimmed, index + 1);
  }
}

function cellsOf(file: SourceFile, text: string): string[] {
  return isCsv(file) ? text.split(',').map((cell) => cell.trim()) : text.split(/\s+/);
}

function parseFilename(file: SourceFile, line: number, text: string): string {
  return relativePath(text, (problem) => {
    throw invalid(file, line, `${problem}. ${RESTORE}`);
  });
}

function isCsv({ path }: SourceFile): boolean {
  return path.endsWith('.csv');
}

function twice(file: SourceFile, line: number, filename: string, earlier: number): SpurmemError {
  return invalid(file, line, `the image ${filename} is on line ${earlier} as well. Remove one of them`);
}

function invalid(file: SourceFile, line: number, problem: string): SpurmemError {
  return new SpurmemError('DATASET_INVALID', `${file.path}:${line}: ${problem}.`);
}
